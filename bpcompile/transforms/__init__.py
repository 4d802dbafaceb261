"""Differentiate graphs: the chain rule in reverse and forward, and the rules of region ops.

In: a `Graph`. Out: a `Graph`. A transform knows ops only through the op table, and regions
through their own rules here. It must not know of frontends, schedules or targets.
"""

# These enter the rules of loops, branches and calls in REGION_RULES and TANGENT_RULES.
from bpcompile.transforms import branches as branches
from bpcompile.transforms import calls as calls
from bpcompile.transforms import forward_regions as forward_regions
from bpcompile.transforms import loops as loops
