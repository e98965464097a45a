/* The broker of NfService from C: messages as docs/broker.md has them, and what a program needs to run the rings of an
 * AF_XDP socket that it was lent. No library but libc; no privilege. */
#ifndef NF_BROKER_H
#define NF_BROKER_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NFB_VERSION 1
#define NFB_ANSWER 0x8000
#define NFB_MESSAGE_MAX 1024

enum nfb_type {
	NFB_HELLO = 1, NFB_LEASE = 2, NFB_REGISTERED = 3, NFB_RELEASE = 4, NFB_TAKE_UP = 5, NFB_PING = 6,
	NFB_LEASE_STATE = 256, NFB_MEMORY_STATE = 257, NFB_LIFE = 258,
};
enum nfb_flags {
	NFB_NETNS = 0x1, NFB_ZERO_COPY = 0x2, NFB_COPY = 0x4, NFB_NATIVE = 0x8, NFB_GENERIC = 0x10,
	NFB_NO_NEED_WAKEUP = 0x20, NFB_SG = 0x40,
};
enum nfb_memory { NFB_SERVICE = 1, NFB_USER = 2, NFB_OWN = 3 };
enum nfb_state {
	NFB_REGISTERING = 1, NFB_BOUND = 2, NFB_DEVICE_DOWN = 3, NFB_DEVICE_LOST = 4, NFB_RELEASED = 5,
};

struct nfb_header {
	uint16_t version, type;
	uint32_t length, sequence, result;
};

struct nfb_hello_answer {
	uint64_t generation, memory_bytes_max, memory_bytes;
	uint32_t lease_count_max, lease_count, ring_entries_max, has_token;
};

struct nfb_lease {
	uint32_t flags, ifindex;
	char interface[16];
	uint32_t queue, keep_seconds, rx, tx, fill, completion, memory_kind, memory_handle;
	uint64_t memory_offset, memory_bytes;
	uint32_t chunk_bytes, headroom_bytes, umem_flags, tx_metadata_bytes, notes_bytes, reserved;
};

struct nfb_ring_offset {
	uint64_t producer, consumer, desc, flags;
};

struct nfb_lease_answer {
	uint64_t lease;
	uint8_t secret[16];
	uint32_t state, granted, ifindex, queue, rx, tx, fill, completion, memory_kind, memory_handle;
	uint64_t memory_bytes;
	uint32_t chunk_bytes, headroom_bytes, umem_flags, tx_metadata_bytes;
	uint64_t notes_offset;
	uint32_t notes_bytes, frame_bytes_max, tx_budget, keep_seconds;
	struct nfb_ring_offset rx_offset, tx_offset, fill_offset, completion_offset;
	uint8_t mac[6];
	uint16_t reserved;
	char interface[16];
};

_Static_assert(sizeof(struct nfb_header) == 16, "header");
_Static_assert(sizeof(struct nfb_hello_answer) == 40, "hello answer");
_Static_assert(sizeof(struct nfb_lease) == 96, "lease");
_Static_assert(sizeof(struct nfb_lease_answer) == 264, "lease answer");

struct nfb_desc {
	uint64_t addr;
	uint32_t len, options;
};

/* One of the four rings. The indexes run freely and wrap; whoever writes one uses release, whoever reads acquire. */
struct nfb_ring {
	uint32_t *producer, *consumer, *flags;
	void *slots;
	uint32_t size;
};

/* Connects to the broker; the descriptor, or -1 with errno. */
static inline int nfb_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Sends a request, with a descriptor beside it or -1, and waits for its answer. What comes unasked meanwhile is passed
 * over. The answer's body is copied, its descriptors are stored, as many as there is room for. Returns 0, or an errno:
 * the broker's, whose text is printed. */
static inline int nfb_ask(int fd, uint16_t type, const void *body, size_t length, int beside,
	void *answer, size_t answer_length, int *fds, int fd_room)
{
	static uint32_t sequence;
	char buffer[NFB_MESSAGE_MAX + 1];
	struct nfb_header header = { NFB_VERSION, type, (uint32_t)(sizeof(header) + length), ++sequence, 0 };
	union {
		char bytes[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec piece = { buffer, header.length };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };

	memcpy(buffer, &header, sizeof(header));
	if (length)
		memcpy(buffer + sizeof(header), body, length);
	if (beside >= 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int));
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(rights), &beside, sizeof(int));
	}
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		return errno;

	for (;;) {
		piece.iov_len = NFB_MESSAGE_MAX;
		message = (struct msghdr){ .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes) };
		ssize_t size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
		if (size <= 0)
			return size < 0 ? errno : ECONNRESET;
		int count = 0, received[8];
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		if (rights && rights->cmsg_type == SCM_RIGHTS) {
			count = (int)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(received, CMSG_DATA(rights), (size_t)count * sizeof(int));
		}
		if (size < (ssize_t)sizeof(header))
			return EPROTO;
		memcpy(&header, buffer, sizeof(header));
		int ours = header.sequence == sequence && (header.type & NFB_ANSWER);
		for (int i = 0; i < count; i++) {
			if (ours && i < fd_room)
				fds[i] = received[i];
			else
				close(received[i]);
		}
		if (!ours)
			continue;
		if (header.result) {
			buffer[size] = 0;
			fprintf(stderr, "broker: %s\n", buffer + sizeof(header));
			return (int)header.result;
		}
		if ((size_t)size < sizeof(header) + answer_length)
			return EPROTO;
		if (answer_length)
			memcpy(answer, buffer + sizeof(header), answer_length);
		return 0;
	}
}

/* Maps a ring of a leased socket. The offset says which: 0 RX, 0x80000000 TX, 0x100000000 fill, 0x180000000
 * completion. */
static inline int nfb_map(struct nfb_ring *ring, int xsk, off_t offset, const struct nfb_ring_offset *parts,
	uint32_t entries, size_t entry_bytes)
{
	char *memory = mmap(NULL, parts->desc + entries * entry_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, xsk, offset);
	if (memory == MAP_FAILED)
		return errno;
	ring->producer = (uint32_t *)(memory + parts->producer);
	ring->consumer = (uint32_t *)(memory + parts->consumer);
	ring->flags = (uint32_t *)(memory + parts->flags);
	ring->slots = memory + parts->desc;
	ring->size = entries;
	return 0;
}

static inline uint32_t nfb_load(const uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static inline void nfb_store(uint32_t *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

/* Whether the kernel wants a call: after a full fence, or both sides may go to sleep. */
static inline int nfb_needs_wakeup(const struct nfb_ring *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return *(volatile uint32_t *)ring->flags & 1;
}

#endif
