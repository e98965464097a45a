// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// Counts what the kernel tells of cpumaps through its tracepoints. They tell of every map and every program of the
// machine, so each event is looked up first: user space makes the entries of what is ours, and the rest is not counted.
//
// Each program is loaded by itself, because kernels differ in what tracepoints they have. The maps are made by user
// space, which keeps them over its own lives.

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

// As far as they are read; the real layout comes from the kernel's BTF.
#define KERNEL __attribute__((preserve_access_index))

struct net_device {
	char name[16];
} KERNEL;

struct bpf_prog_aux {
	__u32 id;
} KERNEL;

struct bpf_prog {
	struct bpf_prog_aux *aux;
} KERNEL;

struct task_struct {
	unsigned int flags;
	char comm[16];
	void *worker_private;
} KERNEL;

struct kthread {
	char *full_name; // set where comm is too short for it (5.17)
} KERNEL;

struct xdp_cpumap_stats {
	unsigned int redirect;
	unsigned int pass;
	unsigned int drop;
} KERNEL;

struct entry_key {
	__u32 map_id;
	__u32 cpu;
};

#define THREAD_NAME_BYTES 32
#define PF_KTHREAD 0x00200000 // linux/sched.h

struct thread_name {
	char text[THREAD_NAME_BYTES];
};

// On each CPU a counter has one writer: enqueue runs in softirq or with it off, kthread with it off, and the two of an
// entry write different members.
struct entry_counters {
	__u64 enqueued;
	__u64 enqueue_drops;
	__u64 bulks;
	__u64 processed;
	__u64 alloc_drops;
	__u64 sched;
	__u64 pass;
	__u64 drop;
	__u64 redirect;
};

enum error_kind {
	REDIRECT_ERRNO, // code is an errno
	EXCEPTION,	// code is what the program returned
};

struct error_key {
	__u32 map_id;
	__u16 kind;
	__u16 code;
	char device[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct entry_key);
	__type(value, struct entry_counters);
} entries SEC(".maps");

// From the id of a map that frames are redirected into, to the id of the cpumap that it is counted for.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} watched_maps SEC(".maps");

// From the id of a program of an entry, to the id of its cpumap.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} watched_programs SEC(".maps");

// Threads that have ended, by their names, which are "cpumap/CPU/map:ID".
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct thread_name);
	__type(value, __u64);
} ended_threads SEC(".maps");

// Preallocated, because entries are added where nothing may be allocated. What does not fit is not counted.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct error_key);
	__type(value, __u64);
} errors SEC(".maps");

// xdp_cpumap_enqueue(int map_id, unsigned int processed, unsigned int drops, int to_cpu)
SEC("tp_btf/xdp_cpumap_enqueue")
int nf_enqueue(__u64 *ctx)
{
	struct entry_key key = { .map_id = (__u32)ctx[0], .cpu = (__u32)ctx[3] };
	struct entry_counters *counters = bpf_map_lookup_elem(&entries, &key);

	if (!counters)
		return 0;
	counters->enqueued += (__u32)ctx[1];
	counters->enqueue_drops += (__u32)ctx[2];
	counters->bulks += 1;
	return 0;
}

// xdp_cpumap_kthread(int map_id, unsigned int processed, unsigned int drops, int sched, struct xdp_cpumap_stats *stats)
SEC("tp_btf/xdp_cpumap_kthread")
int nf_kthread(__u64 *ctx)
{
	struct xdp_cpumap_stats *stats = (void *)ctx[4];
	struct entry_key key = { .map_id = (__u32)ctx[0], .cpu = bpf_get_smp_processor_id() };
	struct entry_counters *counters = bpf_map_lookup_elem(&entries, &key);

	if (!counters)
		return 0;
	counters->processed += (__u32)ctx[1];
	counters->alloc_drops += (__u32)ctx[2];
	counters->sched += (int)ctx[3] ? 1 : 0;
	counters->pass += stats->pass;
	counters->drop += stats->drop;
	counters->redirect += stats->redirect;
	return 0;
}

static __always_inline void count_error(__u32 map_id, enum error_kind kind, __u32 code, struct net_device *device)
{
	struct error_key key = { .map_id = map_id, .kind = kind, .code = code };
	__u64 one = 1;
	__u64 *count;

	bpf_probe_read_kernel_str(key.device, sizeof(key.device), device->name);
	count = bpf_map_lookup_elem(&errors, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&errors, &key, &one, BPF_NOEXIST)) {
		// Another CPU was faster, or there is no room.
		count = bpf_map_lookup_elem(&errors, &key);
		if (count)
			__sync_fetch_and_add(count, 1);
	}
}

// xdp_redirect_err(dev, prog, const void *tgt, int err, enum bpf_map_type map_type, u32 map_id, u32 index)
SEC("tp_btf/xdp_redirect_err")
int nf_redirect_err(__u64 *ctx)
{
	__u32 map_id = (__u32)ctx[5];
	__u32 *cpumap = bpf_map_lookup_elem(&watched_maps, &map_id);

	if (cpumap)
		count_error(*cpumap, REDIRECT_ERRNO, (__u32)-(int)ctx[3], (struct net_device *)ctx[0]);
	return 0;
}

// xdp_exception(dev, prog, u32 act)
SEC("tp_btf/xdp_exception")
int nf_exception(__u64 *ctx)
{
	struct bpf_prog *program = (void *)ctx[1];
	__u32 id = program->aux->id;
	__u32 *cpumap = bpf_map_lookup_elem(&watched_programs, &id);

	if (cpumap)
		count_error(*cpumap, EXCEPTION, (__u32)ctx[2], (struct net_device *)ctx[0]);
	return 0;
}

// sched_process_exit(struct task_struct *task)
SEC("tp_btf/sched_process_exit")
int nf_thread_end(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct thread_name name = {};
	struct kthread *thread;
	char *full_name = 0;
	__u64 *count;

	if (!(task->flags & PF_KTHREAD))
		return 0;
	thread = task->worker_private;
	if (bpf_core_field_exists(thread->full_name))
		bpf_core_read(&full_name, sizeof(full_name), &thread->full_name);
	if (full_name)
		bpf_probe_read_kernel_str(name.text, sizeof(name.text), full_name);
	else
		bpf_probe_read_kernel_str(name.text, sizeof(task->comm), task->comm);
	count = bpf_map_lookup_elem(&ended_threads, &name);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

// The kernel lets only programs under a licence compatible with the GPL look into its structures; this file alone is
// therefore under MIT or GPL-2.0, at your choice.
char _license[] SEC("license") = "Dual MIT/GPL";
