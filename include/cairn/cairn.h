/*
 * cairn/cairn.h - everything, for those who do not want to choose.
 */
#ifndef CAIRN_CAIRN_H
#define CAIRN_CAIRN_H

#include <cairn/boot.h>
#include <cairn/early.h>
#include <cairn/format.h>
#include <cairn/handoff.h>
#include <cairn/init.h>
#include <cairn/memmap.h>
#include <cairn/platform.h>
#include <cairn/report.h>
#include <cairn/source.h>
#include <cairn/status.h>
#include <cairn/types.h>
#include <cairn/version.h>
#include <cairn/window.h>

#endif
