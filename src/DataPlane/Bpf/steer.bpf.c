// The parser of a steered interface: says once what a packet is, for all rules. It is one half of a program; the rules
// are the other half, written as instructions by Steering/RuleCompiler.cs and put behind this one before it is loaded.
//
// What is not there is never read, and never guessed: a header that ends beyond the frame, that has an impossible
// length, or that stands behind more VLAN tags or extension headers than are looked through, leaves its fields at the
// values that stand for "none". Cpumaps/FlowParser.cs does the same in C#; the tests hold one against the other.

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "steer.h"

// The rules. No such helper exists: the compiler puts a call of this number, and it is replaced before loading.
static int (*nf_rules)(struct nf_flow *flow, struct xdp_md *ctx) = (void *)0x7fff0001;

#define TAGS_MAX 4
#define EXTENSIONS_MAX 8

#define ETH_8021Q 0x8100
#define ETH_8021AD 0x88a8
#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_ARP 0x0806
#define ETH_LLDP 0x88cc

#define IP_TCP 6
#define IP_UDP 17
#define IP_ICMPV6 58
#define IP_SCTP 132

struct ipv4 {
	__u8 version_ihl, tos;
	__be16 length, id, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__be32 source, destination;
};

struct ipv6 {
	__be32 version_class;
	__be16 length;
	__u8 next, hops;
	__be32 source[4], destination[4];
};

struct extension {
	__u8 next, length;
	__be16 offset; // of a fragment header: fragment offset, and whether more follow
	__be32 rest;
};

static __always_inline void transport(struct nf_flow *flow, __u8 protocol, void *at, void *end)
{
	if (protocol == IP_TCP || protocol == IP_UDP || protocol == IP_SCTP) {
		__be16 *ports = at;
		if ((void *)(ports + 2) > end)
			return;
		__u32 source = bpf_ntohs(ports[0]), destination = bpf_ntohs(ports[1]);
		flow->field[NF_SOURCE_PORT] = source;
		flow->field[NF_DESTINATION_PORT] = destination;
		if (protocol != IP_UDP)
			return;
		switch (destination) {
		case 67: case 68: // DHCP
		case 546: case 547: // DHCPv6
		case 3784: case 3785: case 4784: // BFD: control, echo, multihop
			flow->field[NF_STATE] |= NF_MANAGEMENT;
		}
	} else if (protocol == IP_ICMPV6) {
		__u8 *type = at;
		if ((void *)(type + 1) <= end && *type >= 133 && *type <= 137 && flow->field[NF_VERSION] == 6)
			flow->field[NF_STATE] |= NF_MANAGEMENT; // router and neighbour discovery, redirect
	}
}

static __always_inline void parse_ipv4(struct nf_flow *flow, void *at, void *end)
{
	struct ipv4 *ip = at;
	if ((void *)(ip + 1) > end || ip->version_ihl >> 4 != 4)
		return;
	__u32 header = (ip->version_ihl & 0xf) * 4;
	if (header < sizeof(*ip) || at + header > end)
		return;
	flow->field[NF_VERSION] = 4;
	flow->field[NF_SOURCE] = bpf_ntohl(ip->source);
	flow->field[NF_DESTINATION] = bpf_ntohl(ip->destination);
	flow->field[NF_PROTOCOL] = flow->field[NF_HASH_PROTOCOL] = ip->protocol;
	if (ip->fragment & bpf_htons(0x3fff)) // an offset, or more to follow
		flow->field[NF_STATE] |= NF_FRAGMENT;
	if (!(ip->fragment & bpf_htons(0x1fff)))
		transport(flow, ip->protocol, at + header, end);
}

// 1 for a header that is looked through, 2 for one whose length counts other units, 3 for a fragment header.
static __always_inline int kind_of(__u8 next)
{
	switch (next) {
	case 0: case 43: case 60: case 135: case 139: case 140: // hop-by-hop, routing, options, mobility, HIP, shim6
		return 1;
	case 51: // authentication
		return 2;
	case 44:
		return 3;
	}
	return 0;
}

static __always_inline void parse_ipv6(struct nf_flow *flow, void *at, void *end)
{
	struct ipv6 *ip = at;
	if ((void *)(ip + 1) > end || *(__u8 *)at >> 4 != 6)
		return;
	flow->field[NF_VERSION] = 6;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		flow->field[NF_SOURCE + i] = bpf_ntohl(ip->source[i]);
		flow->field[NF_DESTINATION + i] = bpf_ntohl(ip->destination[i]);
	}
	__u8 next = ip->next;
	int fragmented = 0;
	at += sizeof(*ip);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		int kind = kind_of(next);
		if (!kind)
			break;
		struct extension *header = at;
		if ((void *)(header + 1) > end)
			return;
		next = header->next;
		if (kind == 3) {
			if (!fragmented)
				flow->field[NF_HASH_PROTOCOL] = next;
			fragmented = 1;
			if (header->offset & bpf_htons(0xfff9)) // an offset, or more to follow
				flow->field[NF_STATE] |= NF_FRAGMENT;
			if (header->offset & bpf_htons(0xfff8)) { // what follows is in the middle of something
				if (!kind_of(next))
					flow->field[NF_PROTOCOL] = next;
				return;
			}
			at += sizeof(*header);
		} else {
			__u32 bytes = kind == 2 ? (header->length + 2) * 4 : (header->length + 1) * 8;
			if (at + bytes > end)
				return;
			at += bytes;
		}
	}
	if (kind_of(next))
		return;
	flow->field[NF_PROTOCOL] = next;
	if (!fragmented)
		flow->field[NF_HASH_PROTOCOL] = next;
	transport(flow, next, at, end);
}

static __always_inline int steer(struct xdp_md *ctx, __u32 length)
{
	void *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct nf_flow flow = {
		.field[NF_VLAN] = NF_UNTAGGED,
		.field[NF_PROTOCOL] = NF_NO_PROTOCOL,
		.field[NF_HASH_PROTOCOL] = NF_NO_PROTOCOL,
		.field[NF_SOURCE_PORT] = NF_NO_PORT,
		.field[NF_DESTINATION_PORT] = NF_NO_PORT,
		.field[NF_LENGTH] = length,
	};
	__be16 *mac = at;
	if ((void *)(mac + 7) > end) // the kernel gives no shorter frame
		return XDP_PASS;
	flow.field[NF_DESTINATION_MAC] = bpf_ntohs(mac[0]) << 16 | bpf_ntohs(mac[1]);
	flow.field[NF_DESTINATION_MAC + 1] = bpf_ntohs(mac[2]);
	flow.field[NF_SOURCE_MAC] = bpf_ntohs(mac[3]) << 16 | bpf_ntohs(mac[4]);
	flow.field[NF_SOURCE_MAC + 1] = bpf_ntohs(mac[5]);
	__u32 type = bpf_ntohs(mac[6]);
	at += 14;
#pragma unroll
	for (int i = 0; i < TAGS_MAX; i++) {
		__be16 *tag = at;
		if ((type != ETH_8021Q && type != ETH_8021AD) || (void *)(tag + 2) > end)
			break;
		if (i == 0)
			flow.field[NF_VLAN] = bpf_ntohs(tag[0]) & 0xfff;
		type = bpf_ntohs(tag[1]);
		at += 4;
	}
	flow.field[NF_ETHERTYPE] = type;
	if (type == ETH_IPV4)
		parse_ipv4(&flow, at, end);
	else if (type == ETH_IPV6)
		parse_ipv6(&flow, at, end);
	else if (type == ETH_ARP || type == ETH_LLDP)
		flow.field[NF_STATE] = NF_MANAGEMENT;
	return nf_rules(&flow, ctx);
}

SEC("xdp")
int nf_steer(struct xdp_md *ctx)
{
	return steer(ctx, ctx->data_end - ctx->data);
}

// Of a frame of several buffers only the first is looked at; drivers put all headers there.
SEC("xdp.frags")
int nf_steer_frags(struct xdp_md *ctx)
{
	return steer(ctx, bpf_xdp_get_buff_len(ctx));
}

// No helper used here is reserved for GPL programs, so the project's own licence stands.
char _license[] SEC("license") = "Apache-2.0";
