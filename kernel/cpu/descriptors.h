/*
 * descriptors.h - selectors, interrupt stacks, and the gates of entry code.
 */
#ifndef KERNEL_CPU_DESCRIPTORS_H
#define KERNEL_CPU_DESCRIPTORS_H

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18 /* and 0x20: it takes two */
/* Ring 3, in the order that SYSRET wants. */
#define SELECTOR_USER_DATA (0x28 | 3)
#define SELECTOR_USER_CODE (0x30 | 3)
#define SEGMENT_COUNT      7

/* Vectors that have an interrupt stack of their own. */
#define VECTOR_NMI           2
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_PAGE_FAULT    14
#define VECTOR_MACHINE_CHECK 18
/* Numbers of these. */
#define STACK_DOUBLE_FAULT  1
#define STACK_NMI           2
#define STACK_MACHINE_CHECK 3
#define STACK_PAGE_FAULT    4
/* Others that have names. */
#define VECTOR_INVALID_OPCODE 6
#define VECTOR_INVALID_TSS    10
#define VECTOR_NOT_PRESENT    11
#define VECTOR_STACK          12
#define VECTOR_PROTECTION     13

#define VECTOR_COUNT    256
#define EXCEPTION_COUNT 32

/* Bytes of code for each vector in entry.S. */
#define GATE_BYTES 16

#endif
