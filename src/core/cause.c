// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "core/cause.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/wait_status.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

static const char *const names[] = {
	[CAUSE_EXIT] = "exit",
	[CAUSE_PROCESS] = "process",
	[CAUSE_ITSELF] = "itself",
	[CAUSE_FAULT] = "fault",
	[CAUSE_OOM] = "oom",
	[CAUSE_SECCOMP] = "seccomp",
	[CAUSE_PIPE] = "pipe",
	[CAUSE_CPU_LIMIT] = "cpu-limit",
	[CAUSE_FILE_LIMIT] = "file-limit",
	[CAUSE_TIMER] = "timer",
	[CAUSE_TERMINAL] = "terminal",
	[CAUSE_PARENT] = "parent",
	[CAUSE_NAMESPACE] = "namespace",
	[CAUSE_KERNEL] = "kernel",
	[CAUSE_UNKNOWN] = "unknown",
};
_Static_assert(ARRAY_SIZE(names) == _DEATH_CAUSE_MAX, "a name for each cause");

const char *death_cause_name(enum death_cause cause)
{
	return names[cause];
}

static bool same_process(const struct obit_key *a, const struct obit_key *b)
{
	return a->tgid == b->tgid && a->start_boottime == b->start_boottime;
}

/* What the kernel says with a signal by its number alone, whoever was running. */
static enum death_cause by_number(uint32_t number)
{
	switch (number) {
	case SIGPIPE:
		return CAUSE_PIPE;
	case SIGXFSZ:
		return CAUSE_FILE_LIMIT;
	case SIGXCPU:
		return CAUSE_CPU_LIMIT;
	case SIGALRM:
	case SIGVTALRM:
	case SIGPROF:
		return CAUSE_TIMER;
	case SIGHUP:
	case SIGINT:
	case SIGQUIT:
		return CAUSE_TERMINAL;
	default:
		return CAUSE_KERNEL;
	}
}

static bool is_fault(uint32_t number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
	       number == SIGTRAP;
}

/* The kernel on behalf of the process that ran: what it did, or that it ended. */
static enum death_cause of_bare(const struct obit_signal *fatal, bool own)
{
	if (fatal->flags & OBIT_SIGNAL_SENDER_KTHREAD)
		return CAUSE_KERNEL;
	/* By a write, as to cgroup.kill of a cgroup that it is in itself. */
	if (own && fatal->number == SIGKILL)
		return CAUSE_ITSELF;
	if (own)
		return by_number(fatal->number);
	return fatal->flags & OBIT_SIGNAL_SENDER_EXITING ? CAUSE_PARENT : CAUSE_PROCESS;
}

static enum death_cause of_kernel(const struct obit_signal *fatal, bool own)
{
	if (fatal->number == SIGSYS)
		return fatal->code == SYS_SECCOMP ? CAUSE_SECCOMP : CAUSE_KERNEL;
	if (is_fault(fatal->number) && own)
		return CAUSE_FAULT;
	if (fatal->code == SI_TIMER)
		return CAUSE_TIMER;
	if (fatal->number != SIGKILL)
		return by_number(fatal->number);
	if (own && fatal->flags & OBIT_SIGNAL_CPU_LIMITED)
		return CAUSE_CPU_LIMIT;
	if (fatal->flags & OBIT_SIGNAL_SENDER_EXITING && fatal->flags & OBIT_SIGNAL_SENDER_INIT)
		return CAUSE_NAMESPACE;
	return CAUSE_KERNEL;
}

/* A seccomp filter ends a process without a signal on the way, and so does the kernel now and then. Any other
 * signal was sent, while the process was not tracked yet: it can stay blocked over an exec. */
static enum death_cause of_nobody(int number)
{
	if (number == SIGSYS)
		return CAUSE_SECCOMP;
	return number == SIGKILL ? CAUSE_KERNEL : CAUSE_UNKNOWN;
}

/* The out-of-memory killer takes what is about to end for another reason, too, and kills nobody then. */
static bool is_sent_kill(const struct obit_signal *fatal)
{
	return fatal && fatal->number == SIGKILL && !(fatal->flags & OBIT_SIGNAL_KERNEL);
}

enum death_cause death_cause(const struct obit_key *process, const struct obit_exit *exit,
			     const struct obit_signal *fatal, bool all_known)
{
	bool own;

	if (wait_status_how(exit->wait_status) == DEATH_EXITED)
		return CAUSE_EXIT;
	if (exit->flags & OBIT_EXIT_OOM && !is_sent_kill(fatal))
		return CAUSE_OOM;
	if (!fatal || fatal->number != (uint32_t)wait_status_signal(exit->wait_status))
		return all_known ? of_nobody(wait_status_signal(exit->wait_status)) : CAUSE_UNKNOWN;
	own = same_process(&fatal->sender, process);
	if (fatal->flags & OBIT_SIGNAL_CALLED)
		return own ? CAUSE_ITSELF : CAUSE_PROCESS;
	if (fatal->flags & OBIT_SIGNAL_BARE)
		return of_bare(fatal, own);
	/* The victim is marked after its SIGKILL is sent, and may be gone by then. */
	if (fatal->number == SIGKILL && fatal->flags & OBIT_SIGNAL_OOM_CGROUP)
		return CAUSE_OOM;
	return of_kernel(fatal, own);
}

bool death_cause_has_killer(enum death_cause cause)
{
	return cause == CAUSE_PROCESS || cause == CAUSE_ITSELF || cause == CAUSE_PARENT ||
	       cause == CAUSE_NAMESPACE;
}

bool signal_is_request(const struct obit_signal *signal)
{
	const __u32 bereaved = OBIT_SIGNAL_BARE | OBIT_SIGNAL_SENDER_EXITING;

	return !(signal->flags & OBIT_SIGNAL_KERNEL) && (signal->flags & bereaved) != bereaved;
}

bool death_was_asked_for(const struct obit_exit *exit, const struct obit_signal *asked,
			 const struct obit_signal *fatal, uint64_t window_ns)
{
	if (asked->time > exit->time)
		return false;
	if (fatal && fatal->number == SIGKILL && fatal->flags & OBIT_SIGNAL_CALLED &&
	    same_process(&fatal->sender, &asked->sender))
		return true;
	return exit->time - asked->time <= window_ns;
}

static const struct {
	uint32_t signal;
	int32_t code;
	const char *name;
} faults[] = {
	{SIGILL, 1, "ILL_ILLOPC"},	  {SIGILL, 2, "ILL_ILLOPN"},
	{SIGILL, 3, "ILL_ILLADR"},	  {SIGILL, 4, "ILL_ILLTRP"},
	{SIGILL, 5, "ILL_PRVOPC"},	  {SIGILL, 6, "ILL_PRVREG"},
	{SIGILL, 7, "ILL_COPROC"},	  {SIGILL, 8, "ILL_BADSTK"},
	{SIGFPE, 1, "FPE_INTDIV"},	  {SIGFPE, 2, "FPE_INTOVF"},
	{SIGFPE, 3, "FPE_FLTDIV"},	  {SIGFPE, 4, "FPE_FLTOVF"},
	{SIGFPE, 5, "FPE_FLTUND"},	  {SIGFPE, 6, "FPE_FLTRES"},
	{SIGFPE, 7, "FPE_FLTINV"},	  {SIGFPE, 8, "FPE_FLTSUB"},
	{SIGSEGV, 1, "SEGV_MAPERR"},	  {SIGSEGV, 2, "SEGV_ACCERR"},
	{SIGSEGV, 3, "SEGV_BNDERR"},	  {SIGSEGV, 4, "SEGV_PKUERR"},
	{SIGSEGV, 8, "SEGV_MTEAERR"},	  {SIGSEGV, 9, "SEGV_MTESERR"},
	{SIGSEGV, 10, "SEGV_CPERR"},	  {SIGBUS, 1, "BUS_ADRALN"},
	{SIGBUS, 2, "BUS_ADRERR"},	  {SIGBUS, 3, "BUS_OBJERR"},
	{SIGBUS, 4, "BUS_MCEERR_AR"},	  {SIGBUS, 5, "BUS_MCEERR_AO"},
	{SIGTRAP, 1, "TRAP_BRKPT"},	  {SIGTRAP, 2, "TRAP_TRACE"},
	{SIGTRAP, 3, "TRAP_BRANCH"},	  {SIGTRAP, 4, "TRAP_HWBKPT"},
	{SIGTRAP, 6, "TRAP_PERF"},	  {SIGSYS, 1, "SYS_SECCOMP"},
	{SIGSYS, 2, "SYS_USER_DISPATCH"},
};

const char *fault_name(uint32_t signal, int32_t code)
{
	if (code == SI_KERNEL)
		return "SI_KERNEL";
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		if (faults[i].signal == signal && faults[i].code == code)
			return faults[i].name;
	return NULL;
}
