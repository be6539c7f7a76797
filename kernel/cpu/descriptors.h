/*
 * descriptors.h - selectors, interrupt stacks, and the gates of entry code.
 */
#ifndef KERNEL_CPU_DESCRIPTORS_H
#define KERNEL_CPU_DESCRIPTORS_H

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18

/* Vectors that have an interrupt stack of their own, and its number. */
#define VECTOR_NMI           2
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_PAGE_FAULT    14
#define VECTOR_MACHINE_CHECK 18

#define VECTOR_COUNT 256

/* Bytes of code for each vector in entry.S. */
#define GATE_BYTES 16

#endif
