/* Where a lane's inputs and outputs lie while the model reads and writes them. */
#include "axrunmodel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool buffer_open(Buffer *b, size_t bytes, bool dmabuf, axrArgument *ret_argument)
{
	b->bytes = bytes ? bytes : 1; /* a mapping has at least a byte */
	b->fd = -1;
	if (dmabuf) {
		b->fd = memfd_create("axrunmodel", MFD_CLOEXEC);
		if (b->fd < 0 || ftruncate(b->fd, (off_t)b->bytes) != 0)
			return complain("no memory for a buffer of %zu bytes: %s", bytes, strerror(errno));
	}
	int flags = dmabuf ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	void *at = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, b->fd, 0);
	if (at == MAP_FAILED)
		return complain("no memory for a buffer of %zu bytes: %s", bytes, strerror(errno));
	b->at = at;
	*ret_argument = (axrArgument){.ptr = dmabuf ? NULL : at, .fd = b->fd, .size = bytes};
	return true;
}

bool buffers_open(Buffers *b, const Frames *f, const Plan *plan)
{
	*b = (Buffers){.num_in = f->num_in, .num_out = f->num_out};
	b->in = calloc(f->num_in + 1, sizeof *b->in);
	b->out = calloc(f->num_out + 1, sizeof *b->out);
	b->in_args = calloc(f->num_in + 1, sizeof *b->in_args);
	b->out_args = calloc(f->num_out + 1, sizeof *b->out_args);
	if (!b->in || !b->out || !b->in_args || !b->out_args)
		return complain("no memory");
	for (size_t i = 0; i < f->num_in; i++) {
		if (!buffer_open(&b->in[i], f->in[i].tensor.bytes * plan->frames_per_run, plan->input_dmabuf, &b->in_args[i]))
			return false;
	}
	for (size_t i = 0; i < f->num_out; i++) {
		if (!buffer_open(&b->out[i], f->out[i].tensor.bytes * plan->frames_per_run, plan->output_dmabuf,
		                 &b->out_args[i]))
			return false;
	}
	return true;
}

void buffers_load(Buffers *b, const Frames *f, const Plan *plan, uint64_t call)
{
	for (size_t i = 0; i < f->num_in; i++) {
		const Input *in = &f->in[i];
		for (unsigned k = 0; k < plan->frames_per_run; k++) {
			uint64_t frame = call * plan->frames_per_run + k;
			memcpy((char *)b->in[i].at + k * in->tensor.bytes, in->data + frame % in->frames * in->tensor.bytes,
			       in->tensor.bytes);
		}
	}
}

static bool write_at(const Output *out, const char *data, size_t bytes, size_t offset)
{
	while (bytes > 0) {
		ssize_t n = pwrite(fileno(out->file), data, bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return complain("%s: %s", out->path, strerror(n == 0 ? ENOSPC : errno));
		data += n;
		offset += (size_t)n;
		bytes -= (size_t)n;
	}
	return true;
}

bool buffers_store(const Buffers *b, const Frames *f, const Plan *plan, uint64_t call)
{
	uint64_t first = call * plan->frames_per_run;
	for (size_t i = 0; i < f->num_out && first < f->written; i++) {
		const Output *out = &f->out[i];
		uint64_t n = f->written - first < plan->frames_per_run ? f->written - first : plan->frames_per_run;
		size_t bytes = out->tensor.bytes;
		if (!write_at(out, b->out[i].at, bytes * (size_t)n, out->header_bytes + (size_t)first * bytes))
			return false;
	}
	return true;
}

static void buffer_close(Buffer *b)
{
	if (b->at)
		munmap(b->at, b->bytes);
	if (b->bytes && b->fd >= 0)
		close(b->fd);
}

void buffers_close(Buffers *b)
{
	for (size_t i = 0; b->in && i < b->num_in; i++)
		buffer_close(&b->in[i]);
	for (size_t i = 0; b->out && i < b->num_out; i++)
		buffer_close(&b->out[i]);
	free(b->in);
	free(b->out);
	free(b->in_args);
	free(b->out_args);
}
