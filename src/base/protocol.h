/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon and its clients agree on. One JSON object a line over a Unix stream socket:
 *
 *   request   {"command": "ls"}   {"command": "why", "name": "web"}   {"command": "tail", "count": 10}
 *             {"command": "tail", "all": true}     of every process, not of those watched alone
 *             {"command": "pause", "name": "web", "for_ns": 600000000000}
 *             {"command": "pause", "all": true}    every watch; without for_ns until `resume`
 *             {"command": "kill", "name": "web@4711", "signal": "HUP"}
 *             {"command": "watch", "settings": ["path=/usr/sbin/nginx", "restart=always", "name=web"]}
 *   reply     {"ok": true, "data": ...}            data as each command below says
 *             {"ok": false, "exit": 1, "error": "a sentence"}
 *   stream    after the reply to `tail`, one obituary object a line until either side closes;
 *             {"time": ..., "outcome_of": PROCESS_KEY, ...} where it is known what has become of one, and
 *             {"dropped": N, "time": ...} where N are missing
 *
 * `log` is answered by {"state_dir": DIR, "pending": [...]}: where the history is, or null without one, and
 * the obituaries in the daemon's memory that are not known to be there, the oldest first.
 *
 * Who may do what is decided by SO_PEERCRED alone: root acts, root and the group `obit` read. */
#ifndef OBIT_BASE_PROTOCOL_H
#define OBIT_BASE_PROTOCOL_H

#define OBIT_VERSION	       "0.1.0"
#define OBIT_DEFAULT_SOCKET    "/run/obit/obit.sock"
#define OBIT_DEFAULT_CONFIG    "/etc/obit/obit.conf"
#define OBIT_DEFAULT_PIN_DIR   "/sys/fs/bpf/obit"
#define OBIT_DEFAULT_STATE_DIR "/var/lib/obit"
#define OBIT_READERS_GROUP     "obit"
#define OBIT_MAX_REQUEST       4096 /* bytes of one request line */
#define OBIT_REMEMBERED	       256  /* deaths that the daemon has in memory at most */

/* How the action_detail of a death ends that was decided about and left alone (obitd --observe). */
#define OBIT_UNDONE_REMARK " (observing: not done)"

/* How the note of what runs on begins, where an operator's restart was refused. */
#define OBIT_NOT_RESTARTED "not restarted: "

/* In the pin directory of every obitd: a map of one number, which layout the others have. */
#define OBIT_SCHEMA_PIN "schema"

/* In the state directory: why the watchdog has starved. */
#define OBIT_WATCHDOG_FILE "watchdog.json"

/* The history in the state directory: one obituary a line, the oldest first. When the file is full it becomes
 * the older one. What has become of a death is told in a line of its own, behind it: it has the death's process_key
 * under this name. */
#define OBIT_OUTCOME_OF		"outcome_of"
#define OBIT_HISTORY_FILE	"deaths.jsonl"
#define OBIT_HISTORY_OLDER_FILE "deaths.1.jsonl"
#define OBIT_HISTORY_LINE_MAX	(128 * 1024) /* bytes of a line without its newline */

/* Exit statuses of obit(1); the reply's "exit" uses the same numbers. `obit status` speaks LSB:
 * 0 running, 3 not running, 4 unknown. */
enum obit_exit_status {
	OBIT_EXIT_OK = 0,
	OBIT_EXIT_FAILED = 1,
	OBIT_EXIT_USAGE = 2,
	OBIT_EXIT_NOT_RUNNING = 3,
	OBIT_EXIT_UNKNOWN = 4,
	OBIT_EXIT_NO_DAEMON = 5,
};

#endif
