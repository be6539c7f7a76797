/*
 * frames/tree.h - what start-up needs of the tree engine.
 */
#ifndef CAIRN__FRAMES_TREE_H
#define CAIRN__FRAMES_TREE_H

#include "frames/section.h"

/* Make the section's own metadata valid, its chunks empty or absent. */
void cairn__tree_open_section(struct cairn__slot *slot);

#endif
