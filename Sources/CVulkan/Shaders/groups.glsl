// Workgroups beyond what one dimension holds: the host may spread them over x and y.

uint group_number() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }

// The place of four floats; addresses of all of them are multiples of 16.
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Fours { vec4 at[]; };
