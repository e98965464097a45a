/* What a packet is, as the parser of steer.bpf.c tells it to the rules: one 32-bit word per field, in the host's byte
 * order, so that every test of a rule is a comparison of a word with constants. Cpumaps/FlowField.cs has the same
 * list. */
#ifndef NF_STEER_H
#define NF_STEER_H

enum nf_flow_field {
	NF_ETHERTYPE, /* behind all VLAN tags */
	NF_VLAN, /* id of the outermost tag; NF_UNTAGGED */
	NF_VERSION, /* 4, 6; 0 for what is not IP */
	NF_PROTOCOL, /* behind IPv6 extension headers; NF_NO_PROTOCOL */
	NF_SOURCE_PORT, /* NF_NO_PORT */
	NF_DESTINATION_PORT,
	NF_SOURCE, /* four words; IPv4 has the first, the others are 0 */
	NF_DESTINATION = NF_SOURCE + 4,
	NF_DESTINATION_MAC = NF_DESTINATION + 4, /* the first four bytes, then the last two */
	NF_SOURCE_MAC = NF_DESTINATION_MAC + 2,
	NF_STATE = NF_SOURCE_MAC + 2, /* NF_FRAGMENT, NF_MANAGEMENT */
	NF_HASH_PROTOCOL, /* the protocol as far as all fragments of a packet agree on it; NF_NO_PROTOCOL */
	NF_LENGTH, /* bytes of the frame */
	NF_FLOW_FIELDS
};

#define NF_UNTAGGED 4096
#define NF_NO_PROTOCOL 256
#define NF_NO_PORT 65536

#define NF_FRAGMENT 1
#define NF_MANAGEMENT 2

struct nf_flow {
	__u32 field[NF_FLOW_FIELDS];
};

#endif
