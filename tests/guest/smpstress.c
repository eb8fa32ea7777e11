/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several CPUs at once: threads of every kind below run side by side for a while,
 * and each checks what it computes, so that a lost update, a stale translation, a
 * reordered store, stale code or a mixed-up register shows as a wrong result.
 *   smpstress SECONDS
 * prints "smpstress: ok" and what was done, or "smpstress: FAILED" and why.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_bool stop;
static atomic_int failures;

#define CHECK(ok, ...) do { if (!(ok)) failed(__func__, __VA_ARGS__); } while (0)

static void failed(const char *where, const char *format, long long a, long long b)
{
	if (atomic_fetch_add(&failures, 1) < 20) {
		printf("smpstress: FAILED %s: ", where);
		printf(format, a, b);
		putchar('\n');
		fflush(stdout);
	}
}

static bool going(void)
{
	return !atomic_load_explicit(&stop, memory_order_relaxed);
}

static void serialize(void)
{
	uint32_t a = 0, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

/* LOCK: additions of every width, exchanges that lose no token, bits, 16 bytes. */
static struct {
	_Atomic uint8_t b;
	_Atomic uint16_t w;
	_Atomic uint32_t l;
	_Atomic uint64_t q;
	_Atomic uint64_t token;
	uint64_t bits;
	struct { uint64_t lo, hi; } pair __attribute__((aligned(16)));
	_Atomic uint64_t turns, tokens;
} locks __attribute__((aligned(64)));

static void pair_add(void)
{
	uint64_t lo = *(volatile uint64_t *)&locks.pair.lo, hi = *(volatile uint64_t *)&locks.pair.hi;
	bool done;

	do {
		__asm__ volatile("lock cmpxchg16b %1" : "=@ccz"(done), "+m"(locks.pair),
				 "+a"(lo), "+d"(hi) : "b"(lo + 1), "c"(hi - 1) : "memory");
	} while (!done);
}

static long atomics(unsigned int id)
{
	uint64_t turns = 0, held = id + 1, bit = id;

	while (going()) {
		bool was, clear;

		atomic_fetch_add(&locks.b, 1);
		atomic_fetch_sub(&locks.w, 1);
		atomic_fetch_add(&locks.l, 3);
		for (uint64_t q = locks.q; !atomic_compare_exchange_weak(&locks.q, &q, q + 5);)
			;
		held = atomic_exchange(&locks.token, held);
		__asm__ volatile("lock btsq %2, %1" : "=@ccc"(was), "+m"(locks.bits) : "r"(bit));
		__asm__ volatile("lock btrq %2, %1" : "=@ccc"(clear), "+m"(locks.bits) : "r"(bit));
		CHECK(!was && clear, "bit %lld was %lld", (long long)bit, was);
		pair_add();
		turns++;
	}
	atomic_fetch_add(&locks.turns, turns);
	atomic_fetch_add(&locks.tokens, held);
	return (long)turns;
}

static void atomics_check(unsigned int threads)
{
	uint64_t n = locks.turns, tokens = locks.tokens + locks.token;

	CHECK(locks.b == (uint8_t)n, "bytes %lld of %lld", locks.b, (uint8_t)n);
	CHECK(locks.w == (uint16_t)-n, "words %lld of %lld", locks.w, (uint16_t)-n);
	CHECK(locks.l == (uint32_t)(3 * n), "longs %lld of %lld", locks.l, (uint32_t)(3 * n));
	CHECK(locks.q == 5 * n, "quads %lld of %lld", (long long)locks.q, (long long)(5 * n));
	CHECK(locks.pair.lo == n && locks.pair.hi == -n, "pairs %lld of %lld",
	      (long long)locks.pair.lo, (long long)n);
	CHECK(tokens == threads * (threads + 1) / 2, "tokens %lld of %lld", (long long)tokens,
	      threads * (threads + 1) / 2);
}

/* Order: what one CPU stored first is seen first, and MFENCE holds loads back. */
static struct {
	_Alignas(64) volatile uint64_t data;
	_Alignas(64) volatile uint64_t flag;
	_Alignas(64) volatile uint64_t x;
	_Alignas(64) volatile uint64_t y;
	_Alignas(64) _Atomic uint64_t round[2];
	volatile uint64_t seen[2];
} order;

static long order_stores(unsigned int id)
{
	uint64_t n = 0;

	while (going()) {
		if (id == 0) {
			order.data = ++n;
			order.flag = n;
		} else {
			uint64_t flag = order.flag, data = order.data;

			CHECK(data >= flag, "data %lld behind its flag %lld", (long long)data, (long long)flag);
			n++;
		}
	}
	return (long)n;
}

static bool order_meet(unsigned int id, uint64_t round)
{
	atomic_store(&order.round[id], round);
	for (int spins = 0; atomic_load(&order.round[!id]) < round; spins++) {
		if (!going())
			return false;
		if (spins > 5000)
			sched_yield();
	}
	return true;
}

static long order_fence(unsigned int id)
{
	volatile uint64_t *mine = id ? &order.y : &order.x, *other = id ? &order.x : &order.y;
	uint64_t round = 0, n = 0;

	while (order_meet(id, ++round)) {
		*mine = n + 1;
		__asm__ volatile("mfence" : : : "memory");
		order.seen[id] = *other;
		if (!order_meet(id, ++round))
			break;
		if (id == 0)
			CHECK(order.seen[0] == n + 1 || order.seen[1] == n + 1, "round %lld: neither store "
			      "seen (%lld)", (long long)n, (long long)order.seen[0]);
		n++;
	}
	return (long)n;
}

/* Page tables: a page is replaced; who knows of it must see the new one. */
static volatile uint64_t *window;
static _Atomic uint64_t window_turn;

static long remap(unsigned int id)
{
	long n = 0;

	while (going()) {
		if (id == 0) {
			uint64_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (page == MAP_FAILED) {
				CHECK(false, "mmap: error %lld%.0lld", errno, 0);
				break;
			}
			*page = (uint64_t)n + 1;
			CHECK(mremap(page, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, window) == window,
			      "mremap: error %lld%.0lld", errno, 0);
			atomic_store(&window_turn, (uint64_t)n + 1);
		} else {
			uint64_t turn = atomic_load(&window_turn), value = *window;

			CHECK(value >= turn, "page %lld seen after page %lld", (long long)value, (long long)turn);
		}
		n++;
	}
	return n;
}

/* Protection: once mprotect has returned, no CPU writes that page. */
static volatile uint64_t *guarded;
static atomic_bool guard_open;

static void guard_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	if ((uintptr_t)info->si_addr - (uintptr_t)guarded >= 4096)
		abort();
	while (!guard_open && going())
		sched_yield();
}

static long protect(unsigned int id)
{
	long n = 0;

	while (going()) {
		uint64_t before[3];

		if (id) {
			guarded[id]++;
			n++;
			continue;
		}
		guard_open = false;
		mprotect((void *)(uintptr_t)guarded, 4096, PROT_READ);
		before[1] = guarded[1];
		before[2] = guarded[2];
		usleep(200);
		for (int i = 1; i < 3; i++)
			CHECK(before[i] == guarded[i], "written while read-only: %lld, then %lld",
			      (long long)before[i], (long long)guarded[i]);
		mprotect((void *)(uintptr_t)guarded, 4096, PROT_READ | PROT_WRITE);
		guard_open = true;
		usleep(200);
		n++;
	}
	/* let a writer that waits in its handler go */
	mprotect((void *)(uintptr_t)guarded, 4096, PROT_READ | PROT_WRITE);
	return n;
}

/* Code: one writes `mov $n, %eax; ret`, others serialize and run it. */
static uint8_t *code;
static _Atomic uint32_t code_turn;

static long rewrite(unsigned int id)
{
	uint32_t (*run)(void) = (uint32_t (*)(void))(uintptr_t)(code + 3);
	uint32_t n = 0;

	while (going()) {
		if (id == 0) {
			*(volatile uint32_t *)(code + 4) = ++n;
			serialize();
			atomic_store(&code_turn, n);
			if (n % 64 == 0)
				usleep(1);
		} else {
			uint32_t turn = atomic_load(&code_turn), value;

			serialize();
			value = run();
			CHECK((int32_t)(value - turn) >= 0, "code of turn %lld ran after turn %lld", value, turn);
			n++;
		}
	}
	return n;
}

/* Futexes: a bounded queue behind a mutex and two conditions. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t more, room;
	uint64_t slot[8], head, tail, in, out;
	bool closed;
} queue = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER,
	    { 0 }, 0, 0, 0, 0, false };

static long queue_put(void)
{
	uint64_t value = 1;
	long n = 0;

	for (; going(); n++) {
		value = value * 6364136223846793005u + 1442695040888963407u;
		pthread_mutex_lock(&queue.lock);
		while (queue.tail - queue.head == 8)
			pthread_cond_wait(&queue.room, &queue.lock);
		queue.slot[queue.tail++ % 8] = value;
		queue.in += value;
		pthread_cond_signal(&queue.more);
		pthread_mutex_unlock(&queue.lock);
	}
	pthread_mutex_lock(&queue.lock);
	queue.closed = true;
	pthread_cond_broadcast(&queue.more);
	pthread_mutex_unlock(&queue.lock);
	return n;
}

static long queue_take(void)
{
	long n = 0;

	pthread_mutex_lock(&queue.lock);
	for (;; n++) {
		while (queue.tail == queue.head && !queue.closed)
			pthread_cond_wait(&queue.more, &queue.lock);
		if (queue.tail == queue.head)
			break;
		queue.out += queue.slot[queue.head++ % 8];
		pthread_cond_signal(&queue.room);
	}
	pthread_mutex_unlock(&queue.lock);
	return n;
}

static long futexes(unsigned int id)
{
	return id ? queue_take() : queue_put();
}

static void futexes_check(unsigned int threads)
{
	(void)threads;
	CHECK(queue.in == queue.out, "sum in %lld, out %lld", (long long)queue.in, (long long)queue.out);
}

/* Processes: a child sees the memory of its birth, and its status arrives. */
static long forks(unsigned int id)
{
	static volatile uint64_t memory[2][512 * 8];
	long n = 0;

	for (; going(); n++) {
		int status = 0;
		pid_t child;

		for (int i = 0; i < 8; i++)
			memory[id][i * 512] = (uint64_t)n;
		child = fork();
		if (child == 0) {
			for (int spin = 0; spin < 3; spin++)
				sched_yield();
			for (int i = 0; i < 8; i++)
				if (memory[id][i * 512] != (uint64_t)n)
					_exit(1);
			_exit(42);
		}
		for (int i = 0; i < 8; i++)
			memory[id][i * 512] = ~(uint64_t)n;
		CHECK(child > 0 && waitpid(child, &status, 0) == child, "fork or wait: error %lld, "
		      "child %lld", errno, child);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42, "turn %lld: status %llx", n, status);
	}
	return n;
}

/* Signals: each one queued is delivered once; the vectors in use come back whole. */
static _Atomic uint64_t caught[2];
static pthread_t victim[2];
static _Atomic unsigned int victims;

static void count_signal(int signo, siginfo_t *info, void *context)
{
	double spoil[8];

	(void)signo;
	(void)context;
	for (int i = 0; i < 8; i++)
		spoil[i] = info->si_value.sival_int * 1.5 + i;
	__asm__ volatile("movupd %0, %%xmm0; movupd %0, %%xmm7; movupd %0, %%xmm15"
			 : : "m"(spoil) : "xmm0", "xmm7", "xmm15");
	atomic_fetch_add(&caught[info->si_value.sival_int], 1);
}

static long signals(unsigned int id)
{
	uint64_t sent = 0;

	victim[id] = pthread_self();
	atomic_fetch_add(&victims, 1);
	while (victims < 2 && going())
		sched_yield();
	if (victims < 2)
		return 0;
	while (going()) {
		double x[2] = { 1.25, (double)sent }, y[2];
		union sigval value = { .sival_int = (int)!id };

		if (pthread_sigqueue(victim[!id], SIGRTMIN, value) == 0)
			sent++;
		__asm__ volatile("movupd %1, %%xmm7; movupd %1, %%xmm15; mov $200, %%ecx; 1: pause; "
				 "loop 1b; mulpd %%xmm7, %%xmm15; movupd %%xmm15, %0"
				 : "=m"(y) : "m"(x) : "rcx", "xmm7", "xmm15");
		CHECK(y[0] == 1.5625 && y[1] == x[1] * x[1], "registers: %lld of turn %lld",
		      (long long)y[1], (long long)sent);
		while (going() && sent > caught[!id] + 16)
			sched_yield();
	}
	/* the other may be done, but its thread lives until all are joined */
	for (int i = 0; i < 2000 && caught[!id] < sent; i++)
		usleep(1000);
	CHECK(caught[!id] == sent, "caught %lld of %lld", (long long)caught[!id], (long long)sent);
	return (long)sent;
}

/* Pipes: bytes arrive in order through a chain of threads; floating point. */
static int links[3][2];

static long pipes(unsigned int id)
{
	uint32_t block[256];
	uint32_t next = 0;
	long n = 0;

	for (;; n++) {
		size_t got = 0;

		if (id == 0) {
			if (!going())
				break;
			for (int i = 0; i < 256; i++)
				block[i] = next++;
		} else {
			while (got < sizeof(block)) {
				ssize_t part = read(links[id - 1][0], (char *)block + got, sizeof(block) - got);

				if (part <= 0)
					break;
				got += (size_t)part;
			}
			if (got < sizeof(block))
				break;
			for (int i = 0; i < 256; i++, next++)
				CHECK(block[i] == next, "%lld came for %lld", block[i], next);
		}
		if (id < 2)
			CHECK(write(links[id][1], block, sizeof(block)) == sizeof(block), "short write%.0lld%.0lld",
			      0, 0);
	}
	if (id < 2)
		close(links[id][1]);
	return n;
}

static double chain(unsigned int id)
{
	volatile double start = 1.0 + id;
	double x = start;

	for (int i = 0; i < 20000; i++)
		x = x * 0.9999 + (double)i / (x + 3.0);
	return x;
}

static long doubles(unsigned int id)
{
	double first = chain(id);
	long n = 0;

	for (; going(); n++)
		CHECK(chain(id) == first, "another result in turn %lld%.0lld", n, 0);
	return n;
}

static const struct kind {
	const char *name;
	unsigned int threads;
	long (*run)(unsigned int id);
	void (*check)(unsigned int threads);
} kinds[] = {
	{ "atomics", 3, atomics, atomics_check },
	{ "order", 2, order_stores, NULL },
	{ "fence", 2, order_fence, NULL },
	{ "remap", 3, remap, NULL },
	{ "protect", 3, protect, NULL },
	{ "code", 3, rewrite, NULL },
	{ "futexes", 3, futexes, futexes_check },
	{ "forks", 2, forks, NULL },
	{ "signals", 2, signals, NULL },
	{ "pipes", 3, pipes, NULL },
	{ "doubles", 2, doubles, NULL },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct worker {
	const struct kind *kind;
	pthread_t thread;
	unsigned int id;
	long done;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	w->done = w->kind->run(w->id);
	return NULL;
}

static void *pages(int prot)
{
	void *p = mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static void prepare(void)
{
	struct sigaction fault = { .sa_sigaction = guard_fault, .sa_flags = SA_SIGINFO };
	struct sigaction counted = { .sa_sigaction = count_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

	locks.token = 0;
	window = pages(PROT_READ | PROT_WRITE);
	guarded = pages(PROT_READ | PROT_WRITE);
	code = pages(PROT_READ | PROT_WRITE | PROT_EXEC);
	memcpy(code + 3, "\xb8\0\0\0\0\xc3", 6);
	for (int i = 0; i < 3; i++)
		if (pipe(links[i])) {
			perror("pipe");
			exit(1);
		}
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGRTMIN, &counted, NULL);
}

int main(int argc, char **argv)
{
	struct worker workers[64];
	unsigned int count = 0, at = 0;
	long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
	time_t end;

	prepare();
	for (unsigned int k = 0; k < KINDS; k++)
		for (unsigned int i = 0; i < kinds[k].threads; i++)
			workers[count++] = (struct worker){ .kind = &kinds[k], .id = i };
	for (unsigned int i = 0; i < count; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) {
			perror("pthread_create");
			return 1;
		}
	for (end = time(NULL) + seconds; time(NULL) < end;)
		sleep(1);
	stop = true;
	for (unsigned int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned int k = 0; k < KINDS; k++) {
		printf("smpstress: %s", kinds[k].name);
		for (unsigned int i = 0; i < kinds[k].threads; i++, at++) {
			CHECK(workers[at].done > 0, "no turn by worker %lld%.0lld", workers[at].id, 0);
			printf(" %ld", workers[at].done);
		}
		putchar('\n');
		if (kinds[k].check)
			kinds[k].check(kinds[k].threads);
	}
	printf("smpstress: %s\n", failures ? "FAILED" : "ok");
	return failures != 0;
}
