/* Where constants and workspaces live. */
#include "runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE_BYTES = 2 << 20 };

/* An anonymous mapping that is large enough, and the file over its beginning: what the file's last page does
 * not provide as slack, the anonymous page behind it does. */
void *rt_map_file(int fd, size_t bytes, size_t *ret_mapped, int *ret_errno)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), mapped;
	if (__builtin_add_overflow(bytes, RT_SLACK + page - 1, &mapped)) {
		*ret_errno = ENOMEM;
		return NULL;
	}
	mapped = mapped / page * page;
	char *at = mmap(NULL, mapped, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		*ret_errno = errno;
		return NULL;
	}
	if (bytes > 0 && mmap(at, bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED) {
		*ret_errno = errno;
		munmap(at, mapped);
		return NULL;
	}
	*ret_mapped = mapped;
	return at;
}

void *rt_workspace(size_t bytes, size_t align)
{
	size_t total;
	if (bytes >= HUGE_PAGE_BYTES)
		align = HUGE_PAGE_BYTES;
	if (__builtin_add_overflow(bytes, RT_SLACK + align - 1, &total) || total > SIZE_MAX / 2)
		return NULL;
	total = total / align * align;
	void *at = aligned_alloc(align, total);
	if (!at)
		return NULL;
	if (bytes >= HUGE_PAGE_BYTES)
		madvise(at, total, MADV_HUGEPAGE);
	memset(at, 0, total); /* pages are there before the first frame is timed */
	return at;
}
