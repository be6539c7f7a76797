/*
 * arch.c - the privileged instructions of the simulated machine: those of the
 * library's arch_tlb.h, on the simulated MMU of the calling thread's CPU.
 */
#include "arch_tlb.h"

#include "sim/mmu.h"
#include "sim/platform.h"
#include <cairn/platform.h>
#include <stddef.h>

/* What each CPU has loaded. */
static uint64_t roots[SIM_CPUS];

static void (*meanwhile)(void);
static unsigned turn; /* the CPU for which time passes next */

void sim_set_meanwhile(void (*act)(void))
{
    meanwhile = act;
}

void sim_meanwhile(void)
{
    sim_mmu_tick(__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) % SIM_CPUS);
    if (meanwhile != NULL)
        meanwhile();
}

void cairn__arch_tlb_flush_page(uint64_t va)
{
    sim_meanwhile();
    sim_mmu_invlpg(cairn_platform_cpu(), va);
}

void cairn__arch_tlb_flush_local(void)
{
    sim_meanwhile();
    (void)sim_mmu_load_root(cairn_platform_cpu(), roots[cairn_platform_cpu()]);
}

void cairn__arch_tlb_flush_all(void)
{
    sim_meanwhile();
    (void)sim_mmu_flush_all(cairn_platform_cpu());
}

void cairn__arch_tlb_load_root(uint64_t cr3)
{
    roots[cairn_platform_cpu()] = cr3 & ~((uint64_t)1 << 63);
    if (!sim_mmu_load_root(cairn_platform_cpu(), cr3))
        cairn_platform_panic("this root cannot be loaded");
}
