// A client process whose memory is somebody else's business: does what it is told over a SEQPACKET socket, and says
// what came of it and when the call returned.
//
//   memory_client SOCKET
//
// A command is a word and numbers, "0x…" or decimal. Its answer is "ERRNO VALUE START END": start and end of the call
// on CLOCK_MONOTONIC in nanoseconds. "pass" answers with descriptors beside it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_xdp.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS = 6, MESSAGE = 256, PASS_MAX = 4, PAGE = 4096 };

typedef uint64_t args[ARGUMENTS];

static int control = -1, memory = -1, userfault = -1, ring_socket = -1;
static char *self;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void send_all(const char *text, int *fds, int count)
{
	char room[CMSG_SPACE(sizeof(int) * PASS_MAX)] = { 0 };
	struct iovec piece = { (void *)text, strlen(text) };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };

	if (count > 0) {
		message.msg_control = room;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
	}
	if (sendmsg(control, &message, MSG_NOSIGNAL) < 0)
		_exit(2);
}

static int64_t make_file(args a)
{
	memory = memfd_create("nf-client", MFD_CLOEXEC | MFD_ALLOW_SEALING | (a[1] ? MFD_HUGETLB | 21u << 26 : 0));
	return memory < 0 ? -1 : ftruncate(memory, a[0]);
}

static int64_t map(args a)
{
	// size, offset, 0 shared file | 1 anonymous | 2 the ring of an AF_XDP socket, address or 0
	int flags = a[2] == 1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	int fd = a[2] == 0 ? memory : a[2] == 1 ? -1 : ring_socket;
	void *at = mmap((void *)a[3], a[0], PROT_READ | PROT_WRITE, flags | (a[3] ? MAP_FIXED : 0), fd, a[1]);

	return at == MAP_FAILED ? -1 : (int64_t)at;
}

static int64_t make_ring(args a)
{
	int entries = 2048;

	ring_socket = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	return ring_socket < 0 ? -1 : setsockopt(ring_socket, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries));
}

static int64_t make_userfault(args a)
{
	struct uffdio_api api = { .api = UFFD_API, .features = a[0] };

	if (userfault >= 0)
		close(userfault);
	userfault = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | (a[1] ? 0 : UFFD_USER_MODE_ONLY));
	return userfault < 0 ? -1 : ioctl(userfault, UFFDIO_API, &api);
}

static int64_t watch(args a)
{
	struct uffdio_register request = { .range = { a[0], a[1] }, .mode = a[2] };

	return ioctl(userfault, UFFDIO_REGISTER, &request);
}

static int64_t pass(args a)
{
	// bits: 1 memory, 2 userfaultfd, 4 pidfd, 8 ring socket, 16 an ordinary file
	int fds[PASS_MAX + 1], count = 0, ours = -1;
	char text[MESSAGE];

	if (a[0] & 1)
		fds[count++] = memory;
	if (a[0] & 2)
		fds[count++] = userfault;
	if (a[0] & 4)
		fds[count++] = ours = syscall(SYS_pidfd_open, a[1] ? (int)a[1] : getpid(), 0);
	if (a[0] & 8)
		fds[count++] = ring_socket;
	if (a[0] & 16)
		fds[count++] = ours = open(self, O_RDONLY | O_CLOEXEC);
	snprintf(text, sizeof(text), "0 %d 0 0", count);
	send_all(text, fds, count);
	close(ours);
	return 0;
}

static int64_t fill(args a)
{
	memset((void *)a[0], (int)a[2], a[1]);
	return 0;
}

static int64_t look(args a)
{
	for (uint64_t i = 0; i < a[1]; i++)
		if (((volatile unsigned char *)a[0])[i] != (unsigned char)a[2])
			return (int64_t)i + 1;
	return 0;
}

static int64_t do_fork(args a)
{
	// 0 exit at once | 1 write to the range and unmap it | 2 stay until killed; then its number
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return -1;
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (a[0] == 2)
			pause();
		if (a[0] == 1) {
			memset((void *)a[1], 0x5a, a[2]);
			munmap((void *)a[1], a[2]);
		}
		_exit(0);
	}
	if (a[0] == 2)
		return child;
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Takes the range away and puts it back, in every way there is: address, size, times, way to begin with, offset in the
// file, longest pause in microseconds.
static int64_t churn(args a)
{
	char *at = (char *)a[0];

	for (uint64_t i = 0; i < a[2]; i++) {
		switch ((i + a[3]) % 4) {
		case 0:
			munmap(at, a[1]);
			break;
		case 1:
			madvise(at, a[1], MADV_DONTNEED);
			break;
		case 2:
			madvise(at + PAGE, PAGE, MADV_REMOVE);
			break;
		default:
			break;
		}
		if (mmap(at, a[1], PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory, a[4]) == MAP_FAILED)
			return -1;
		struct uffdio_register request = { .range = { a[0], a[1] }, .mode = UFFDIO_REGISTER_MODE_WP };
		if (ioctl(userfault, UFFDIO_REGISTER, &request) < 0)
			return -1;
		if (a[5])
			usleep(i * 7919 % a[5]);
	}
	return 0;
}

static int64_t become(args a)
{
	char text[16];

	snprintf(text, sizeof(text), "=%d", control);
	if (a[0])
		fcntl(control, F_SETFD, 0);
	return execl(self, self, text, NULL);
}

static int64_t become_user(args a)
{
	if (setresgid(a[0], a[0], a[0]) < 0 || setresuid(a[0], a[0], a[0]) < 0)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int64_t file_call(args a)
{
	// 0 truncate | 1 punch a hole | 2 write(2) | 3 seals | 4 the seals there are
	switch (a[0]) {
	case 0:
		return ftruncate(memory, a[1]);
	case 1:
		return fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a[1], a[2]);
	case 2:
		return pwrite(memory, &a[2], sizeof(a[2]), a[1]);
	case 3:
		return fcntl(memory, F_ADD_SEALS, (int)a[1]);
	default:
		return fcntl(memory, F_GET_SEALS);
	}
}

static int64_t run(const char *word, args a)
{
	if (!strcmp(word, "file"))
		return make_file(a);
	if (!strcmp(word, "map"))
		return map(a);
	if (!strcmp(word, "ring"))
		return make_ring(a);
	if (!strcmp(word, "userfault"))
		return make_userfault(a);
	if (!strcmp(word, "watch"))
		return watch(a);
	if (!strcmp(word, "munmap"))
		return munmap((void *)a[0], a[1]);
	if (!strcmp(word, "madvise"))
		return madvise((void *)a[0], a[1], (int)a[2]);
	if (!strcmp(word, "move"))
		return (int64_t)mremap((void *)a[0], a[1], a[1], MREMAP_MAYMOVE | MREMAP_FIXED, (void *)a[2]);
	if (!strcmp(word, "protect"))
		return mprotect((void *)a[0], a[1], (int)a[2]);
	if (!strcmp(word, "lock"))
		return a[2] ? munlock((void *)a[0], a[1]) : mlock((void *)a[0], a[1]);
	if (!strcmp(word, "call"))
		return file_call(a);
	if (!strcmp(word, "fill"))
		return fill(a);
	if (!strcmp(word, "look"))
		return look(a);
	if (!strcmp(word, "fork"))
		return do_fork(a);
	if (!strcmp(word, "churn"))
		return churn(a);
	if (!strcmp(word, "forget"))
		return close(a[0] ? userfault : memory);
	if (!strcmp(word, "blocking"))
		return fcntl(userfault, F_SETFL, a[0] ? O_NONBLOCK : 0);
	if (!strcmp(word, "exec"))
		return become(a);
	if (!strcmp(word, "user"))
		return become_user(a);
	if (!strcmp(word, "exit"))
		_exit((int)a[0]);
	errno = ENOSYS;
	return -1;
}

int main(int count, char **words)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	static char path[4096];

	(void)count;
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		return 2;
	self = path;
	if (words[1][0] == '=') {
		control = atoi(words[1] + 1);
	} else {
		control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		strncpy(address.sun_path, words[1], sizeof(address.sun_path) - 1);
		if (connect(control, (struct sockaddr *)&address, sizeof(address)) < 0)
			return 2;
	}
	if (fcntl(control, F_GETFD) < 0)
		pause();
	for (;;) {
		char text[MESSAGE], *at = text, *word;
		args a = { 0 };
		ssize_t length = recv(control, text, sizeof(text) - 1, 0);

		if (length <= 0)
			return 0;
		text[length] = 0;
		word = strsep(&at, " ");
		for (int i = 0; i < ARGUMENTS && at; i++)
			a[i] = strtoull(strsep(&at, " "), NULL, 0);
		if (!strcmp(word, "pass")) {
			pass(a);
			continue;
		}
		errno = 0;
		uint64_t start = now();
		int64_t value = run(word, a);
		uint64_t end = now();
		snprintf(text, sizeof(text), "%d %lld %llu %llu", value == -1 ? errno : 0, (long long)value,
			 (unsigned long long)start, (unsigned long long)end);
		send_all(text, NULL, 0);
	}
}
