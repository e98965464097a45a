// Runs a program, waits until it is ready, then takes one of its threads through a piece of work one machine
// instruction at a time and writes down what files that both map look like after every instruction that changed them.
//
//   stepper OUT RINGS STATE (LEDGER PACKETS)... -- COMMAND...
//
// The first line of RINGS is LabControl. OUT gets, per change: {u32 file, u32 offset, 64 bytes}..., {~0, step}.
// Packets are written out with the other files' changes, but do not make one by themselves.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, FILES_MAX = 16, CONTROL_BYTES = 64 };

struct control {
	volatile uint32_t go, done;
	volatile int32_t thread;
	volatile uint32_t stop, recovered, prepared;
};

static struct { char *now, *before; size_t bytes; int watched; } files[FILES_MAX];
static int file_count;
static pid_t child;

static void fail(const char *what)
{
	fprintf(stderr, "stepper: %s: %s\n", what, strerror(errno));
	if (child > 0)
		kill(child, SIGKILL);
	exit(3);
}

static void add_file(const char *path)
{
	struct stat info;
	int fd = open(path, O_RDWR);

	if (fd < 0 || fstat(fd, &info) < 0 || file_count == FILES_MAX)
		fail(path);
	char *now = mmap(NULL, info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (now == MAP_FAILED)
		fail(path);
	close(fd);
	const char *name = strrchr(path, '/');
	files[file_count].now = now;
	files[file_count].before = malloc(info.st_size);
	files[file_count].bytes = info.st_size;
	files[file_count].watched = strncmp(name ? name + 1 : path, "packets", 7) != 0;
	file_count++;
}

// The control line is how we talk, not what is traced.
static size_t start_of(int file)
{
	return file == 0 ? CONTROL_BYTES : 0;
}

static int changed(void)
{
	for (int i = 0; i < file_count; i++) {
		size_t start = start_of(i);

		if (files[i].watched && memcmp(files[i].now + start, files[i].before + start, files[i].bytes - start))
			return 1;
	}
	return 0;
}

static void write_changes(FILE *out, uint32_t step)
{
	for (int i = 0; i < file_count; i++) {
		for (size_t at = start_of(i); at + LINE <= files[i].bytes; at += LINE) {
			if (!memcmp(files[i].now + at, files[i].before + at, LINE))
				continue;
			uint32_t head[2] = { i, at };
			fwrite(head, sizeof(head), 1, out);
			fwrite(files[i].now + at, LINE, 1, out);
			memcpy(files[i].before + at, files[i].now + at, LINE);
		}
	}
	uint32_t end[2] = { UINT32_MAX, step };
	fwrite(end, sizeof(end), 1, out);
}

int main(int argc, char **argv)
{
	int i = 2;

	if (argc < 5)
		return 2;
	for (; i < argc && strcmp(argv[i], "--"); i++)
		add_file(argv[i]);
	FILE *out = fopen(argv[1], "w");
	if (!out || i + 1 >= argc)
		fail(argv[1]);
	child = fork();
	if (child == 0) {
		execvp(argv[i + 1], argv + i + 1);
		_exit(127);
	}

	struct control *control = (struct control *)files[0].now;
	struct timespec pause = { 0, 1000000 };
	while (!control->thread || !control->prepared) {
		if (waitpid(child, NULL, WNOHANG) == child) {
			child = 0;
			fail("the program ended before it was ready");
		}
		nanosleep(&pause, NULL);
	}

	pid_t thread = control->thread;
	int status;
	if (ptrace(PTRACE_SEIZE, thread, 0, 0) < 0)
		fail("ptrace(SEIZE)");
	if (ptrace(PTRACE_INTERRUPT, thread, 0, 0) < 0 || waitpid(thread, &status, __WALL) < 0)
		fail("ptrace(INTERRUPT)");
	for (int f = 0; f < file_count; f++)
		memcpy(files[f].before, files[f].now, files[f].bytes);

	uint32_t target = control->done + 1, steps = 0, changes = 0;
	long signal = 0;
	control->go = target;
	while (control->done != target) {
		if (ptrace(PTRACE_SINGLESTEP, thread, 0, signal) < 0 || waitpid(thread, &status, __WALL) < 0)
			fail("ptrace(SINGLESTEP)");
		if (!WIFSTOPPED(status))
			fail("the thread ended");
		signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		steps++;
		if (changed()) {
			changes++;
			write_changes(out, steps);
		}
	}

	fclose(out);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("%u instructions, %u changes\n", steps, changes);
	return 0;
}
