/*
 * cairn/compiler.h - attributes, one name for each, the same in C and C++.
 */
#ifndef CAIRN_COMPILER_H
#define CAIRN_COMPILER_H

/* The caller must look at the result: it can report that nothing was done. */
#define CAIRN_MUST_CHECK __attribute__((__warn_unused_result__))

/* The function does not come back. */
#define CAIRN_NORETURN __attribute__((__noreturn__))

/* A piece of a common path: a call would cost as much as what it does. */
#define CAIRN_INLINE static inline __attribute__((__always_inline__))

/* A less common path, kept out of the common one. */
#define CAIRN_NOINLINE __attribute__((__noinline__))

/* Arguments are checked against a printf-like format string. */
#define CAIRN_PRINTF(format_index, first_index)                                \
    __attribute__((__format__(__printf__, format_index, first_index)))

/* A layout that hardware, firmware or another program fixes. */
#define CAIRN_PACKED __attribute__((__packed__))

/*
 * The function reads what others may be writing, notices that afterwards and
 * reads again.  ThreadSanitizer cannot see that, and leaves it out.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CAIRN_READS_AGAIN __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef CAIRN_READS_AGAIN
#define CAIRN_READS_AGAIN
#endif

#ifdef __cplusplus
#define CAIRN_BEGIN_DECLS extern "C" {
#define CAIRN_END_DECLS   }
#else
#define CAIRN_BEGIN_DECLS
#define CAIRN_END_DECLS
#endif

#endif
