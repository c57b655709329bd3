// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Paths as the engines make them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/container.h"

#define ID	"4f1d5c7bb1e0e2cbb5a40ee0f1c1b2a39d7c8e6f5a4b3c2d1e0f9a8b7c6d5e4f"
#define OTHER	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define UID	"3b8d2c9e-8d53-4a0a-9d7e-0c6f0d3f4c11"
#define UID_	"3b8d2c9e_8d53_4a0a_9d7e_0c6f0d3f4c11"
#define STATIC	"0123456789abcdef0123456789abcdef" /* the uid of a mirror pod */
#define KUBE	"/kubepods.slice/kubepods-burstable.slice"
#define KUBELET "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice"
#define USER	"/user.slice/user-1000.slice/user@1000.service"

/* The id in it, and who owns it otherwise. */
static const struct {
	const char *cgroup;
	const char *id;
	const char *unit;
} path_table[] = {
	/* docker */
	{"/docker/" ID, ID, NULL},
	{"/system.slice/docker-" ID ".scope", ID, NULL},
	{USER "/user.slice/docker-" ID ".scope", ID, NULL},
	{"/docker/" ID "/init.scope", ID, NULL},
	{"/docker/" ID "/system.slice/nginx.service", ID, NULL},
	{"/docker", NULL, NULL},
	{"/docker/4f1d5c7bb1e0", NULL, NULL},
	{"/system.slice/docker.service", NULL, "docker.service"},
	{"/system.slice/docker.socket", NULL, NULL},
	/* podman */
	{"/libpod_parent/libpod-" ID, ID, NULL},
	{"/machine.slice/libpod-" ID ".scope", ID, NULL},
	{"/machine.slice/libpod-" ID ".scope/container", ID, NULL},
	{"/machine.slice/machine-libpod_pod_" OTHER ".slice/libpod-" ID ".scope", ID, NULL},
	{USER "/user.slice/libpod-" ID ".scope/container", ID, NULL},
	/* its monitor is a process of the host */
	{"/machine.slice/libpod-conmon-" ID ".scope", NULL, NULL},
	{"/libpod_parent/conmon", NULL, NULL},
	{"/machine.slice/machine-libpod_pod_" OTHER ".slice", NULL, NULL},
	/* containerd below a kubelet: systemd, cgroupfs, and the two mixed up */
	{KUBE "/kubepods-burstable-pod" UID_ ".slice/cri-containerd-" ID ".scope", ID, NULL},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope", ID, NULL},
	{"/kubepods.slice/kubepods-pod" STATIC ".slice/cri-containerd-" ID ".scope", ID, NULL},
	{"/kubepods/burstable/pod" UID "/" ID, ID, NULL},
	{"/kubepods/pod" UID "/" ID, ID, NULL},
	{"/kubepods/pod" STATIC "/" ID, ID, NULL},
	{"/kubepods-besteffort-pod" UID_ ".slice:cri-containerd:" ID, ID, NULL},
	{"/system.slice/containerd.service/kubepods-besteffort-pod" UID_
	 ".slice:cri-containerd:" ID,
	 ID, NULL},
	{"/system.slice/containerd.service", NULL, "containerd.service"},
	{"/kubepods/burstable/pod" UID, NULL, NULL},
	{KUBE "/kubepods-burstable-pod" UID_ ".slice", NULL, NULL},
	{"/kubepods/pod" STATIC, NULL, NULL},
	/* CRI-O */
	{KUBE "/kubepods-burstable-pod" UID_ ".slice/crio-" ID ".scope", ID, NULL},
	{KUBE "/kubepods-burstable-pod" UID_ ".slice/crio-" ID ".scope/container", ID, NULL},
	{"/kubepods/burstable/pod" UID "/crio-" ID, ID, NULL},
	{"/crio/crio-" ID, ID, NULL},
	{KUBE "/kubepods-burstable-pod" UID_ ".slice/crio-conmon-" ID ".scope", NULL, NULL},
	/* cri-dockerd */
	{KUBE "/kubepods-burstable-pod" UID_ ".slice/docker-" ID ".scope", ID, NULL},
	/* a kubelet's own root, and a node that is a container itself: the innermost counts */
	{KUBELET "/kubelet-kubepods-besteffort-pod" UID_ ".slice/cri-containerd-" ID ".scope", ID,
	 NULL},
	{"/docker/" OTHER "/kubelet/kubepods/besteffort/pod" UID "/" ID, ID, NULL},
	{"/system.slice/docker-" OTHER ".scope" KUBELET "/x.slice/cri-containerd-" ID ".scope", ID,
	 NULL},
	{"/docker/" OTHER "/machine.slice/libpod-conmon-" ID ".scope", OTHER, NULL},
	/* others */
	{"/ecs/" STATIC "/" ID, ID, NULL},
	{"/default/web", NULL, NULL}, /* ctr: a name, no id */
	{"/lxc.payload.web", NULL, NULL},
	{"/lxc/web", NULL, NULL},
	{"/payload", NULL, NULL},
	{"/machine.slice/systemd-nspawn@web.service/payload", NULL, "systemd-nspawn@web.service"},
	{"/machine.slice/machine-web.scope", NULL, NULL},
	/* the host */
	{"/", NULL, NULL},
	{"", NULL, NULL},
	{"/init.scope", NULL, NULL},
	{"/system.slice", NULL, NULL},
	{"/system.slice/nginx.service", NULL, "nginx.service"},
	{"/system.slice/nginx.service/workers", NULL, "nginx.service"},
	{"/system.slice/system-getty.slice/getty@tty1.service", NULL, "getty@tty1.service"},
	{"/user.slice/user-1000.slice/session-2.scope", NULL, NULL},
	{USER "/app.slice/syncthing.service", NULL, "syncthing.service"},
	{"/.service", NULL, NULL},
	{"/x.services", NULL, NULL},
};

static void what_engines_make_is_known(void **state)
{
	char buf[CONTAINER_ID_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(path_table); i++) {
		const char *got = container_id(path_table[i].cgroup, buf);
		const char *want = path_table[i].id;

		if (!got != !want || (want && strcmp(got, want) != 0))
			fail_msg("%s: %s", path_table[i].cgroup, got ? got : "none");
		assert_true(!got || got == buf);
	}
}

static void who_owns_it_is_the_container_or_the_innermost_unit(void **state)
{
	char buf[OWNER_SIZE], want[OWNER_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(path_table); i++) {
		const char *got = cgroup_owner(path_table[i].cgroup, buf);

		if (path_table[i].id)
			snprintf(want, sizeof(want), "container %.12s", path_table[i].id);
		else if (path_table[i].unit)
			snprintf(want, sizeof(want), "systemd unit %s", path_table[i].unit);
		else
			want[0] = '\0';
		if (!got != !want[0] || (got && strcmp(got, want) != 0))
			fail_msg("%s: %s", path_table[i].cgroup, got ? got : "nobody");
		assert_true(!got || got == buf);
	}
}

static void an_id_has_64_digits(void **state)
{
	char path[256], buf[CONTAINER_ID_SIZE];

	(void)state;
	for (int digits = 1; digits <= 130; digits++) {
		int n = snprintf(path, sizeof(path), "/docker/");

		memset(path + n, 'a', (size_t)digits);
		path[n + digits] = '\0';
		assert_int_equal(container_id(path, buf) != NULL, digits == 64);
		memcpy(path + n + digits, ".scope", sizeof(".scope"));
		assert_int_equal(container_id(path, buf) != NULL, digits == 64);
	}
	memset(buf, 'x', sizeof(buf));
	assert_null(container_id("/docker/" ID "x", buf));
	assert_null(container_id("/docker/x" ID, buf));
	assert_null(container_id("/docker/g1d5c7bb1e0e2cbb5a40ee0f1c1b2a39d7c8e6f5a4b3c2d1e0f9a8b7c"
				 "6d5e4f1",
				 buf));
	assert_int_equal(buf[0], 'x'); /* untouched */
}

static void a_long_unit_name_is_cut(void **state)
{
	char path[400], buf[OWNER_SIZE];

	(void)state;
	memset(path, 'u', sizeof(path));
	path[0] = '/';
	memcpy(path + sizeof(path) - sizeof(".service"), ".service", sizeof(".service"));
	assert_ptr_equal(cgroup_owner(path, buf), buf);
	assert_int_equal(strlen(buf), OWNER_SIZE - 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_engines_make_is_known),
		cmocka_unit_test(who_owns_it_is_the_container_or_the_innermost_unit),
		cmocka_unit_test(an_id_has_64_digits),
		cmocka_unit_test(a_long_unit_name_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
