// Workgroups beyond what one dimension holds: the host may spread them over x and y.

uint group_number() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }
