/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that does requests one after the other by plain system calls. */
#include "disk_backend.h"
#include "sandbox.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct disk_worker {
	struct disk *disk;
	const struct disk_file *file;
	pthread_t thread;
	char name[16];
	pthread_mutex_t mutex; /* for what follows; taken inside vm->lock */
	pthread_cond_t work;
	struct block_request *first, **last;
	bool ending;
};

void disk_worker_submit(struct disk_worker *w, struct block_request *r)
{
	r->next = NULL;
	pthread_mutex_lock(&w->mutex);
	*w->last = r;
	w->last = &r->next;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->mutex);
}

/* The next request; NULL when the thread shall end. */
static struct block_request *take(struct disk_worker *w)
{
	struct block_request *r;

	pthread_mutex_lock(&w->mutex);
	while (!w->first && !w->ending)
		pthread_cond_wait(&w->work, &w->mutex);
	r = w->first;
	if (r)
		w->first = r->next;
	if (!w->first)
		w->last = &w->first;
	pthread_mutex_unlock(&w->mutex);
	return r;
}

static void *worker_main(void *arg)
{
	struct disk_worker *w = arg;
	struct block_request *r;

	sandbox_thread(SANDBOX_DISK, "%s", w->name);
	while ((r = take(w)) != NULL)
		disk_finish(w->disk, &(struct disk_result){ r, disk_io(w->file, r) }, 1);
	return NULL;
}

int disk_worker_open(struct disk *d, const struct disk_file *f, const char *name,
		     struct disk_worker **out)
{
	struct disk_worker *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return -ENOMEM;
	w->disk = d;
	w->file = f;
	w->last = &w->first;
	snprintf(w->name, sizeof w->name, "%s", name);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->work, NULL);
	r = sandbox_thread_create(&w->thread, worker_main, w);
	if (r) {
		free(w);
		return r;
	}
	*out = w;
	return 0;
}

void disk_worker_close(struct disk_worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->mutex);
	w->ending = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}
