/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integer and address types, for every room.
 *
 * The four address types wrap one integer in a struct so that mixing them
 * does not compile. They cost nothing at run time.
 */
#ifndef TRIVET_TYPES_H
#define TRIVET_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* Guest virtual (x86: linear), guest physical, host virtual, host physical. */
typedef struct {
	u64 v;
} gva_t;
typedef struct {
	u64 v;
} gpa_t;
typedef struct {
	uintptr_t v;
} hva_t;
typedef struct {
	u64 v;
} hpa_t;

static inline gva_t gva(u64 v)
{
	return (gva_t){ v };
}

static inline gpa_t gpa(u64 v)
{
	return (gpa_t){ v };
}

static inline gpa_t gpa_add(gpa_t a, u64 n)
{
	return (gpa_t){ a.v + n };
}

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

#define PAGE_SHIFT 12
#define PAGE_SIZE ((u64)1 << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#define NS_PER_SEC ((u64)1000000000)

#endif
