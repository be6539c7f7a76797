/*
 * cairn/cairn.h - everything, for those who do not want to choose.
 *
 * words       types, status, format, version, compiler, entropy
 * the host    platform (what a kernel must supply), lock
 * boot        boot, handoff (what loaders say), memmap, init
 * memory      early, frames (physical frames), source, dma
 * paging      paging (cursors), map (one call for one change), window,
 *             temporary, physmap (where physical memory is reachable), ptwalk
 *             (the way to an address)
 * spaces      space (address spaces), areas and stack (places in them), ranges
 *             (what is where, and room), layout (a kernel's addresses), text
 *             (code that changes)
 * heap        heap (memory in bytes), cache (objects of one kind); not here,
 *             since their names are short: kmalloc, new.hpp (C++)
 * to look at  report
 */
#ifndef CAIRN_CAIRN_H
#define CAIRN_CAIRN_H

#include <cairn/areas.h>
#include <cairn/boot.h>
#include <cairn/cache.h>
#include <cairn/compiler.h>
#include <cairn/dma.h>
#include <cairn/early.h>
#include <cairn/entropy.h>
#include <cairn/format.h>
#include <cairn/frames.h>
#include <cairn/handoff.h>
#include <cairn/heap.h>
#include <cairn/init.h>
#include <cairn/layout.h>
#include <cairn/lock.h>
#include <cairn/map.h>
#include <cairn/memmap.h>
#include <cairn/paging.h>
#include <cairn/physmap.h>
#include <cairn/platform.h>
#include <cairn/ptwalk.h>
#include <cairn/ranges.h>
#include <cairn/report.h>
#include <cairn/source.h>
#include <cairn/space.h>
#include <cairn/stack.h>
#include <cairn/status.h>
#include <cairn/temporary.h>
#include <cairn/text.h>
#include <cairn/types.h>
#include <cairn/version.h>
#include <cairn/window.h>

#endif
