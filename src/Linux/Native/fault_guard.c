// SPDX-License-Identifier: Apache-2.0
//
// Keeps the process alive when the file behind a mapping shrinks: a touch beyond the new end raises SIGBUS, which .NET
// cannot catch. In a registered mapping, fresh memory takes the place of everything from the touched page to the end,
// the mapping is flagged as lost, and the instruction runs again. All else goes to the handler that was there before.
//
// Everything to the end, and not one page: what lies behind the end of a shrunken file is unmapped already, so this is
// cheap; and a mapping of many pages that are touched here and there does not fall into more parts than a process may
// have.

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define SLOTS 8192

enum { SLOT_FREE, SLOT_CLAIMED, SLOT_ACTIVE };

struct slot {
	_Atomic uint32_t state;
	_Atomic uint32_t lost;
	uintptr_t start;
	uintptr_t end;
	uintptr_t page; // power of two
};

static struct slot slots[SLOTS];
static _Atomic uint32_t slots_used;	  // highest slot ever claimed, plus one
static _Atomic uint32_t handlers_running; // between entry and the last look at a slot
static _Atomic uint64_t faults;
static _Atomic uint32_t installed; // 0 no, 1 in progress, 2 yes
static struct sigaction previous;

// Only this: signal handlers may use what is lock-free.
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2, "atomics take no lock");

static int replace(struct slot *slot, uintptr_t address)
{
	const int protection = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
	uintptr_t page = address & ~(slot->page - 1);
	void *fresh = mmap((void *)page, slot->end - page, protection, flags, -1, 0);
	if (fresh == MAP_FAILED) // where memory is never promised twice, the rest may be too much at once
		fresh = mmap((void *)page, slot->page, protection, flags, -1, 0);
	return fresh != MAP_FAILED;
}

static int mend(uintptr_t address)
{
	int mended = 0;
	atomic_fetch_add(&handlers_running, 1);
	uint32_t count = atomic_load(&slots_used);
	for (uint32_t i = 0; i < count; i++) {
		struct slot *slot = &slots[i];
		if (atomic_load(&slot->state) != SLOT_ACTIVE)
			continue;
		// The fields stand still: whoever frees the slot waits until no handler runs.
		if (address < slot->start || address >= slot->end)
			continue;
		mended = replace(slot, address);
		if (mended) {
			atomic_store(&slot->lost, 1);
			atomic_fetch_add(&faults, 1);
		}
		break;
	}
	atomic_fetch_sub(&handlers_running, 1);
	return mended;
}

// Ends the process as if nobody handled the signal; a fault that happens again does, one that was sent is sent again.
static void give_up(int sent)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigaction(SIGBUS, &action, NULL);
	if (sent)
		raise(SIGBUS);
}

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	// A code above zero comes from the kernel. What a process sent has no address, and means what it always does; .NET
	// would take it, and this handler away with it.
	int sent = info->si_code <= 0;
	int mended = !sent && mend((uintptr_t)info->si_addr);
	errno = saved;
	if (mended)
		return;
	if (sent)
		give_up(1);
	else if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(signal, info, context);
	else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
		previous.sa_handler(signal);
	else
		give_up(0);
}

static void install(void)
{
	uint32_t none = 0;
	if (atomic_compare_exchange_strong(&installed, &none, 1)) {
		sigaction(SIGBUS, NULL, &previous);
		// Stack and mask as the other handler wants them: it is called from ours.
		struct sigaction action = {
			.sa_sigaction = on_sigbus,
			.sa_mask = previous.sa_mask,
			.sa_flags = SA_SIGINFO | SA_RESTART | (previous.sa_flags & SA_ONSTACK),
		};
		sigaction(SIGBUS, &action, NULL);
		atomic_store(&installed, 2);
	}
	while (atomic_load(&installed) != 2)
		sched_yield();
}

// nf_fault_guard_register: guards a mapping made of pages of this size. Returns its slot; -1 when all are taken.
int nf_fault_guard_register(void *start, size_t length, size_t page)
{
	install();
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &slots[i];
		uint32_t expected = SLOT_FREE;
		if (!atomic_compare_exchange_strong(&slot->state, &expected, SLOT_CLAIMED))
			continue;
		slot->start = (uintptr_t)start;
		slot->end = (uintptr_t)start + length;
		slot->page = page;
		atomic_store(&slot->lost, 0);
		uint32_t used = atomic_load(&slots_used);
		while (used < i + 1 && !atomic_compare_exchange_weak(&slots_used, &used, i + 1))
			;
		atomic_store(&slot->state, SLOT_ACTIVE);
		return (int)i;
	}
	errno = ENOSPC;
	return -1;
}

// nf_fault_guard_unregister: when it returns, no handler looks at the mapping any more.
void nf_fault_guard_unregister(int index)
{
	atomic_store(&slots[index].state, SLOT_CLAIMED);
	while (atomic_load(&handlers_running) != 0)
		sched_yield();
	atomic_store(&slots[index].state, SLOT_FREE);
}

// nf_fault_guard_lost: where a registered slot says, with 1, that memory was replaced.
const void *nf_fault_guard_lost(int index)
{
	return &slots[index].lost;
}

// nf_fault_guard_faults: where all replacements since the start are counted, each after its slot was flagged.
const void *nf_fault_guard_faults(void)
{
	return &faults;
}
