/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trivet/platform.h's locks: a word that is 0 when free, 1 when taken and 2 when
 * somebody waits, and a futex (futex(2)) to wait on. Every exit of a guest takes
 * vm->lock, so the way without contention is a few instructions.
 */
#include <trivet/platform.h>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FREE, TAKEN, WAITED_FOR };

static u32 *word_of(struct platform_mutex *m)
{
	return (u32 *)(void *)m->opaque;
}

void platform_mutex_init(struct platform_mutex *m)
{
	*word_of(m) = FREE;
}

void platform_mutex_fini(struct platform_mutex *m)
{
	(void)m;
}

static void wait_for(u32 *word)
{
	while (__atomic_exchange_n(word, WAITED_FOR, __ATOMIC_ACQUIRE) != FREE)
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, WAITED_FOR, NULL, NULL, 0);
}

void platform_mutex_lock(struct platform_mutex *m)
{
	u32 *word = word_of(m), expected = FREE;

	if (unlikely(!__atomic_compare_exchange_n(word, &expected, TAKEN, false,
						  __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		wait_for(word);
}

void platform_mutex_unlock(struct platform_mutex *m)
{
	u32 *word = word_of(m);

	if (unlikely(__atomic_exchange_n(word, FREE, __ATOMIC_RELEASE) == WAITED_FOR))
		syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
