/* Answers UDP, ping and ARP on an address, on a socket leased from the broker: with no privilege of its own.
 *
 *   cc -O2 -Wall -Wextra -o echo echo.c
 *   ./echo INTERFACE ADDRESS PORT [BROKER [NETNS]]
 */
#define _GNU_SOURCE
#include "nf_broker.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

enum { CHUNKS = 4096, CHUNK_BYTES = 2048, ENTRIES = 2048, ROUND = 64 };

static struct nfb_lease_answer lease;
static struct nfb_ring rx, tx, fill, completion;
static uint8_t *memory;
static uint64_t spare[CHUNKS];
static uint32_t spare_count;
static int xsk;
static in_addr_t address;
static uint16_t port;
static unsigned long echoed, answered, ignored;
static volatile sig_atomic_t over;

static void stop(int signal)
{
	(void)signal;
	over = 1;
}

static uint32_t sum(const uint8_t *bytes, size_t length, uint32_t total)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		total += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return length & 1 ? total + ((uint32_t)bytes[length - 1] << 8) : total;
}

static void put_checksum(uint8_t *at, uint32_t total)
{
	total = (total & 0xffff) + (total >> 16);
	total = ~((total & 0xffff) + (total >> 16)) & 0xffff;
	if (total == 0)
		total = 0xffff;
	at[0] = (uint8_t)(total >> 8);
	at[1] = (uint8_t)total;
}

static void swap(uint8_t *a, uint8_t *b, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		uint8_t keep = a[i];
		a[i] = b[i];
		b[i] = keep;
	}
}

static int turn_arp(uint8_t *arp, size_t length)
{
	static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	if (length < 28 || memcmp(arp, request, 8) || memcmp(arp + 24, &address, 4))
		return 0;
	arp[7] = 2;
	memcpy(arp + 18, arp + 8, 10);
	memcpy(arp + 8, lease.mac, 6);
	memcpy(arp + 14, &address, 4);
	answered++;
	return 1;
}

static int turn_ip(uint8_t *ip, size_t length)
{
	if (length < 28 || ip[0] >> 4 != 4 || memcmp(ip + 16, &address, 4) || (ip[6] & 0x3f) || ip[7])
		return 0;
	size_t header = (ip[0] & 0xf) * 4u, total = (size_t)ip[2] << 8 | ip[3];
	if (header < 20 || total > length || total < header + 8)
		return 0;
	uint8_t *payload = ip + header;
	size_t bytes = total - header;
	if (ip[9] == 17 && (payload[2] << 8 | payload[3]) == port && (size_t)(payload[4] << 8 | payload[5]) == bytes) {
		swap(payload, payload + 2, 2);
		payload[6] = payload[7] = 0;
		put_checksum(payload + 6, sum(payload, bytes, sum(ip + 12, 8, 17 + (uint32_t)bytes)));
		echoed++;
	} else if (ip[9] == 1 && payload[0] == 8) {
		payload[0] = payload[2] = payload[3] = 0;
		put_checksum(payload + 2, sum(payload, bytes, 0));
		answered++;
	} else {
		return 0;
	}
	/* Both addresses stay in the header, so its checksum stays right. */
	swap(ip + 12, ip + 16, 4);
	return 1;
}

static int turn(uint8_t *frame, size_t length)
{
	int type = length < 14 ? 0 : frame[12] << 8 | frame[13];
	int answer = type == 0x806 ? turn_arp(frame + 14, length - 14)
		: type == 0x800 ? turn_ip(frame + 14, length - 14) : 0;
	if (!answer) {
		ignored++;
		return 0;
	}
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, lease.mac, 6);
	return 1;
}

/* Takes back what was sent, and gives the kernel chunks to receive into. */
static void recycle(void)
{
	uint32_t done = *completion.consumer, end = nfb_load(completion.producer);
	for (; done != end && spare_count < CHUNKS; done++)
		spare[spare_count++] = ((uint64_t *)completion.slots)[done & (ENTRIES - 1)] / CHUNK_BYTES * CHUNK_BYTES;
	nfb_store(completion.consumer, done);

	uint32_t next = *fill.producer, room = ENTRIES - (next - nfb_load(fill.consumer));
	for (; room && spare_count; room--)
		((uint64_t *)fill.slots)[next++ & (ENTRIES - 1)] = spare[--spare_count];
	nfb_store(fill.producer, next);
	if (nfb_needs_wakeup(&fill))
		recvfrom(xsk, NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static int run_once(void)
{
	uint32_t first = *rx.consumer, count = nfb_load(rx.producer) - first;
	uint32_t next = *tx.producer, room = ENTRIES - (next - nfb_load(tx.consumer));
	if (count > ROUND)
		count = ROUND;
	for (uint32_t i = 0; i < count; i++) {
		struct nfb_desc frame = ((struct nfb_desc *)rx.slots)[(first + i) & (ENTRIES - 1)];
		if (turn(memory + frame.addr, frame.len) && room) {
			frame.options = 0;
			((struct nfb_desc *)tx.slots)[next++ & (ENTRIES - 1)] = frame;
			room--;
		} else {
			spare[spare_count++] = frame.addr / CHUNK_BYTES * CHUNK_BYTES;
		}
	}
	nfb_store(rx.consumer, first + count);
	nfb_store(tx.producer, next);
	if (next != nfb_load(tx.consumer) && nfb_needs_wakeup(&tx))
		sendto(xsk, NULL, 0, MSG_DONTWAIT, NULL, 0);
	recycle();
	return count != 0;
}

static int take_lease(int broker, const char *interface, int netns)
{
	struct nfb_lease asked = { .rx = ENTRIES, .tx = ENTRIES, .fill = ENTRIES, .completion = ENTRIES,
		.memory_kind = NFB_SERVICE, .memory_bytes = (uint64_t)CHUNKS * CHUNK_BYTES, .chunk_bytes = CHUNK_BYTES,
		.flags = netns < 0 ? 0 : NFB_NETNS };
	struct nfb_hello_answer hello;
	uint8_t no_token[32] = { 0 };
	int fds[2] = { -1, -1 };

	memcpy(asked.interface, interface, strnlen(interface, 15));
	int error = nfb_ask(broker, NFB_HELLO, no_token, sizeof(no_token), -1, &hello, sizeof(hello), NULL, 0);
	if (!error)
		error = nfb_ask(broker, NFB_LEASE, &asked, sizeof(asked), netns, &lease, sizeof(lease), fds, 2);
	if (error)
		return error;
	xsk = fds[0];
	memory = mmap(NULL, asked.memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
	if (memory == MAP_FAILED)
		return errno;
	if (!error)
		error = nfb_map(&rx, xsk, 0, &lease.rx_offset, ENTRIES, sizeof(struct nfb_desc));
	if (!error)
		error = nfb_map(&tx, xsk, 0x80000000, &lease.tx_offset, ENTRIES, sizeof(struct nfb_desc));
	if (!error)
		error = nfb_map(&fill, xsk, 0x100000000, &lease.fill_offset, ENTRIES, sizeof(uint64_t));
	if (!error)
		error = nfb_map(&completion, xsk, 0x180000000, &lease.completion_offset, ENTRIES, sizeof(uint64_t));
	for (uint64_t chunk = CHUNKS; chunk-- > 0;)
		spare[spare_count++] = chunk * CHUNK_BYTES;
	return error;
}

int main(int argc, char **argv)
{
	if (argc < 4 || inet_pton(AF_INET, argv[2], &address) != 1) {
		fprintf(stderr, "usage: echo INTERFACE ADDRESS PORT [BROKER [NETNS]]\n");
		return 2;
	}
	port = (uint16_t)atoi(argv[3]);
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	int broker = nfb_connect(argc > 4 ? argv[4] : "/run/nf/broker.sock");
	int netns = argc > 5 ? open(argv[5], O_RDONLY | O_CLOEXEC) : -1;
	int error = broker < 0 ? errno : take_lease(broker, argv[1], netns);
	if (error) {
		fprintf(stderr, "echo: %s\n", strerror(error));
		return 1;
	}
	recycle();
	printf("ready lease=%llu granted=%#x\n", (unsigned long long)lease.lease, lease.granted);
	fflush(stdout);

	struct pollfd ready[2] = { { .fd = xsk, .events = POLLIN }, { .fd = broker, .events = POLLRDHUP } };
	while (!over && !(ready[1].revents & (POLLHUP | POLLRDHUP)))
		if (!run_once())
			poll(ready, 2, 100);
	printf("echoed %lu answered %lu ignored %lu\n", echoed, answered, ignored);
	return 0;
}
