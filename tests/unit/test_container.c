// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Paths as engines, the kubelet and systemd make them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "core/container.h"

#define ID	  "4f1d5c7bb1e0e2cbb5a40ee0f1c1b2a39d7c8e6f5a4b3c2d1e0f9a8b7c6d5e4f"
#define OTHER	  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define POD	  "3b8d2c9e-8d53-4a0a-9d7e-0c6f0d3f4c11"
#define POD_	  "3b8d2c9e_8d53_4a0a_9d7e_0c6f0d3f4c11"
#define OTHER_POD "7f0c5c1e-0d6b-4b0e-8a57-3f9c1d2e4b60"
#define STATIC	  "0123456789abcdef0123456789abcdef" /* the uid of a static pod */
#define KUBE	  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_ ".slice"
#define KUBELET                                                                                    \
	"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice"                  \
	"/kubelet-kubepods-besteffort-pod" POD_ ".slice"
#define USER "/user.slice/user-1000.slice/user@1000.service"

/* What is left out is none. */
struct path_case {
	const char *cgroup;
	const char *runtime;
	const char *container;
	const char *pod_uid;
	const char *pod_qos;
	const char *unit;
};

static const struct path_case engine_paths[] = {
	/* docker: cgroupfs, systemd, rootless; with a systemd in the container */
	{.cgroup = "/docker/" ID, .runtime = "docker", .container = ID},
	{.cgroup = "/system.slice/docker-" ID ".scope", .runtime = "docker", .container = ID},
	{.cgroup = USER "/user.slice/docker-" ID ".scope", .runtime = "docker", .container = ID},
	{.cgroup = "/docker/" ID "/init.scope",
	 .runtime = "docker",
	 .container = ID,
	 .unit = "init.scope"},
	{.cgroup = "/docker/" ID "/system.slice/nginx.service",
	 .runtime = "docker",
	 .container = ID,
	 .unit = "nginx.service"},
	{.cgroup = "/docker"},
	{.cgroup = "/docker/4f1d5c7bb1e0"},
	{.cgroup = "/system.slice/docker.service", .unit = "docker.service"},
	{.cgroup = "/system.slice/docker.socket"},
	/* docker run --cgroup-parent */
	{.cgroup = "/build.slice/docker-" ID ".scope", .runtime = "docker", .container = ID},
	{.cgroup = "/myparent/" ID, .container = ID},
	{.cgroup = "/" ID, .container = ID},
	/* podman: cgroupfs, systemd with crun's inner cgroup, rootless, in a pod */
	{.cgroup = "/libpod_parent/libpod-" ID, .runtime = "podman", .container = ID},
	{.cgroup = "/libpod_parent/" OTHER "/libpod-" ID, .runtime = "podman", .container = ID},
	{.cgroup = "/machine.slice/libpod-" ID ".scope", .runtime = "podman", .container = ID},
	{.cgroup = "/machine.slice/libpod-" ID ".scope/container",
	 .runtime = "podman",
	 .container = ID},
	{.cgroup = "/machine.slice/libpod-" ID ".scope/container/system.slice/nginx.service",
	 .runtime = "podman",
	 .container = ID,
	 .unit = "nginx.service"},
	{.cgroup = "/machine.slice/machine-libpod_pod_" OTHER ".slice/libpod-" ID ".scope",
	 .runtime = "podman",
	 .container = ID},
	{.cgroup = USER "/user.slice/libpod-" ID ".scope/container",
	 .runtime = "podman",
	 .container = ID},
	{.cgroup = USER "/user.slice/user-libpod_pod_" OTHER ".slice/libpod-" ID ".scope/container",
	 .runtime = "podman",
	 .container = ID},
	/* a quadlet: the container below the service that runs it */
	{.cgroup = "/system.slice/web.service/libpod-payload-" ID,
	 .runtime = "podman",
	 .container = ID,
	 .unit = "web.service"},
	{.cgroup = USER "/app.slice/app-web.slice/web@8000.service/libpod-payload-" ID,
	 .runtime = "podman",
	 .container = ID,
	 .unit = "web@8000.service"},
	{.cgroup = "/system.slice/web.service/runtime", .unit = "web.service"},
	/* conmon is a process of the host */
	{.cgroup = "/machine.slice/libpod-conmon-" ID ".scope",
	 .unit = "libpod-conmon-" ID ".scope"},
	{.cgroup = "/libpod_parent/conmon"},
	{.cgroup = "/libpod_parent/" OTHER "/conmon"},
	{.cgroup = "/machine.slice/machine-libpod_pod_" OTHER ".slice"},
	{.cgroup = "/docker/" OTHER "/machine.slice/libpod-conmon-" ID ".scope",
	 .runtime = "docker",
	 .container = OTHER,
	 .unit = "libpod-conmon-" ID ".scope"},
	/* containerd without a kubelet */
	{.cgroup = "/default/web", .runtime = "containerd", .container = "web"},
	{.cgroup = "/default/" ID, .runtime = "containerd", .container = ID},
	{.cgroup = "/default/web/workers", .runtime = "containerd", .container = "web"},
	{.cgroup = "/k8s.io/debug-1", .runtime = "containerd", .container = "debug-1"},
	{.cgroup = "/docker/" OTHER "/default/web", .runtime = "containerd", .container = "web"},
	{.cgroup = "/system.slice/nerdctl-" ID ".scope", .runtime = "containerd", .container = ID},
	{.cgroup = "/default"},
	{.cgroup = "/batch/web"}, /* a namespace of ctr's, or anybody's cgroups */
	{.cgroup = USER "/default/web", .unit = "user@1000.service"},
	{.cgroup = "/system.slice/containerd.service", .unit = "containerd.service"},
	/* ECS */
	{.cgroup = "/ecs/" STATIC "/" ID, .runtime = "ecs", .container = ID},
	{.cgroup = "/ecs/" STATIC "/" STATIC "-3764423456",
	 .runtime = "ecs",
	 .container = STATIC "-3764423456"},
	{.cgroup = "/ecstasks.slice/ecstasks-" STATIC ".slice/docker-" ID ".scope",
	 .runtime = "docker",
	 .container = ID},
	{.cgroup = "/ecs/" STATIC},
	{.cgroup = "/jobs/ecs/" STATIC "/web"},
};

static const struct path_case pod_paths[] = {
	/* containerd below a kubelet: systemd, cgroupfs, and the two mixed up */
	{.cgroup = KUBE "/cri-containerd-" ID ".scope",
	 .runtime = "containerd",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	{.cgroup = "/kubepods.slice/kubepods-pod" POD_ ".slice/cri-containerd-" ID ".scope",
	 .runtime = "containerd",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "guaranteed"},
	{.cgroup = "/kubepods.slice/kubepods-pod" STATIC ".slice/cri-containerd-" ID ".scope",
	 .runtime = "containerd",
	 .container = ID,
	 .pod_uid = STATIC,
	 .pod_qos = "guaranteed"},
	{.cgroup = "/kubepods/burstable/pod" POD "/" ID,
	 .runtime = "kubernetes",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	{.cgroup = "/kubepods/besteffort/pod" POD "/" ID,
	 .runtime = "kubernetes",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "besteffort"},
	{.cgroup = "/kubepods/pod" POD "/" ID,
	 .runtime = "kubernetes",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "guaranteed"},
	{.cgroup = "/kubepods/burstable/pod" STATIC "/" ID,
	 .runtime = "kubernetes",
	 .container = ID,
	 .pod_uid = STATIC,
	 .pod_qos = "burstable"},
	{.cgroup = "/kubepods-besteffort-pod" POD_ ".slice:cri-containerd:" ID,
	 .runtime = "containerd",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "besteffort"},
	{.cgroup = "/system.slice/containerd.service/kubepods-burstable-pod" POD_
		   ".slice:cri-containerd:" ID,
	 .runtime = "containerd",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	{.cgroup = "/system.slice/containerd.service/kubepods-pod" POD_ ".slice:other:" ID,
	 .runtime = "kubernetes",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "guaranteed"},
	/* a pod's cgroup without a container */
	{.cgroup = "/kubepods/burstable/pod" POD, .pod_uid = POD, .pod_qos = "burstable"},
	{.cgroup = "/kubepods/pod" STATIC, .pod_uid = STATIC, .pod_qos = "guaranteed"},
	{.cgroup = KUBE, .pod_uid = POD, .pod_qos = "burstable"},
	{.cgroup = "/kubepods/burstable"},
	{.cgroup = "/kubepods.slice/kubepods-burstable.slice"},
	/* CRI-O, its monitor, and crun's inner cgroup */
	{.cgroup = KUBE "/crio-" ID ".scope",
	 .runtime = "cri-o",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	{.cgroup = KUBE "/crio-" ID ".scope/container",
	 .runtime = "cri-o",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	{.cgroup = KUBE "/crio-" ID,
	 .runtime = "cri-o",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	{.cgroup = "/kubepods/burstable/pod" POD "/crio-" ID,
	 .runtime = "cri-o",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	{.cgroup = "/crio/crio-" ID, .runtime = "cri-o", .container = ID},
	{.cgroup = KUBE "/crio-conmon-" ID ".scope",
	 .pod_uid = POD,
	 .pod_qos = "burstable",
	 .unit = "crio-conmon-" ID ".scope"},
	{.cgroup = "/kubepods/burstable/pod" POD "/crio-conmon-" ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	/* cri-dockerd */
	{.cgroup = KUBE "/docker-" ID ".scope",
	 .runtime = "docker",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	/* a kubelet's own root, and a node that is a container itself: the innermost counts */
	{.cgroup = KUBELET "/cri-containerd-" ID ".scope",
	 .runtime = "containerd",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "besteffort"},
	{.cgroup = "/docker/" OTHER "/kubelet/kubepods/besteffort/pod" POD "/" ID,
	 .runtime = "kubernetes",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "besteffort"},
	{.cgroup = "/system.slice/docker-" OTHER ".scope" KUBELET "/cri-containerd-" ID ".scope",
	 .runtime = "containerd",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "besteffort"},
	{.cgroup = "/docker/" OTHER "/system.slice/kubelet.service",
	 .runtime = "docker",
	 .container = OTHER,
	 .unit = "kubelet.service"},
	{.cgroup = "/kubepods/pod" OTHER_POD "/" OTHER "/kubelet/kubepods/besteffort/pod" POD
		   "/" ID,
	 .runtime = "kubernetes",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "besteffort"},
	/* docker in a pod */
	{.cgroup = "/kubepods/burstable/pod" POD "/" OTHER "/docker/" ID,
	 .runtime = "docker",
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	{.cgroup = "/kubepods/burstable/pod" POD "/" OTHER "/build/" ID,
	 .container = ID,
	 .pod_uid = POD,
	 .pod_qos = "burstable"},
	/* no pods */
	{.cgroup = "/batch/pod" POD "/" ID, .container = ID},
	{.cgroup = "/kubepods/burstable/pod" OTHER},
	{.cgroup = "/kubepods/burstable/pod" STATIC "0"},
	{.cgroup = "/kubepods/burstable/pod3b8d2c9e-8d53-4a0a-9d7e-0c6f0d3f4c1"},
	{.cgroup = "/kubepods/burstable/pod3b8d2c9e-8d53-4a0a-9d7e-0c6f0d3f4c1g"},
	{.cgroup = "/kubepods/burstable/pod3b8d2c9e-8d53-4a0a-9d7e00c6f0d3f4c11"},
	{.cgroup = "/kubepods/burstable/xpod" POD},
	{.cgroup = "/kubepods/notburstable/pod" POD},
	{.cgroup = "/kubepods-burstable_pod" POD_ ".slice"},
	{.cgroup = "/kubepods/burstable/pod"},
	{.cgroup = "/pod" POD},
};

static const struct path_case machine_paths[] = {
	/* LXC, old and new, Proxmox, unprivileged; the monitor is a process of the host */
	{.cgroup = "/lxc.payload.web", .runtime = "lxc", .container = "web"},
	{.cgroup = "/lxc.payload/web", .runtime = "lxc", .container = "web"},
	{.cgroup = "/lxc/web", .runtime = "lxc", .container = "web"},
	{.cgroup = "/lxc/101/ns", .runtime = "lxc", .container = "101"},
	{.cgroup = "/lxc/101/ns/system.slice/nginx.service",
	 .runtime = "lxc",
	 .container = "101",
	 .unit = "nginx.service"},
	{.cgroup = "/lxc.payload.web-1/init.scope",
	 .runtime = "lxc",
	 .container = "web-1",
	 .unit = "init.scope"},
	{.cgroup = USER "/lxc.payload.my.web",
	 .runtime = "lxc",
	 .container = "my.web",
	 .unit = "user@1000.service"},
	{.cgroup = "/lxc/outer/lxc/inner", .runtime = "lxc", .container = "inner"},
	{.cgroup = "/lxc.payload.outer/docker/" ID, .runtime = "docker", .container = ID},
	{.cgroup = "/lxc.payload.outer/lxc.monitor.inner", .runtime = "lxc", .container = "outer"},
	{.cgroup = "/lxc.monitor.web"},
	{.cgroup = "/lxc.monitor/101"},
	{.cgroup = "/lxc.monitor/" ID},
	{.cgroup = "/lxc.pivot"},
	{.cgroup = "/lxc"},
	{.cgroup = "/lxc.payload"},
	{.cgroup = "/lxc.payload."},
	{.cgroup = "/system.slice/lxc.service", .unit = "lxc.service"},
	/* nspawn: a service, a scope, and neither */
	{.cgroup = "/machine.slice/systemd-nspawn@web.service/payload",
	 .runtime = "nspawn",
	 .container = "web",
	 .unit = "systemd-nspawn@web.service"},
	{.cgroup = "/machine.slice/systemd-nspawn@web-1.service/payload/init.scope",
	 .runtime = "nspawn",
	 .container = "web-1",
	 .unit = "init.scope"},
	{.cgroup = "/machine.slice/systemd-nspawn@web\\x2d1.service/payload/system.slice/a.service",
	 .runtime = "nspawn",
	 .container = "web-1",
	 .unit = "a.service"},
	{.cgroup = "/machine.slice/systemd-nspawn@web.service/supervisor",
	 .unit = "systemd-nspawn@web.service"},
	{.cgroup = "/machine.slice/machine-web.scope", .runtime = "nspawn", .container = "web"},
	{.cgroup = "/machine.slice/machine-web.scope/payload",
	 .runtime = "nspawn",
	 .container = "web"},
	{.cgroup = "/machine.slice/machine-my\\x2dweb\\x2d1.scope/payload/system.slice/a.service",
	 .runtime = "nspawn",
	 .container = "my-web-1",
	 .unit = "a.service"},
	{.cgroup = "/machine.slice/machine-web.scope/supervisor", .unit = "machine-web.scope"},
	{.cgroup = "/machine.slice/machine-web.scope/payload/supervisor",
	 .runtime = "nspawn",
	 .container = "web"},
	{.cgroup = "/system.slice/box.service/payload/system.slice/a.service",
	 .runtime = "nspawn",
	 .unit = "a.service"},
	{.cgroup = "/payload/init.scope", .runtime = "nspawn", .unit = "init.scope"},
	{.cgroup = "/system.slice/box.service/payload", .unit = "box.service"},
	{.cgroup = "/payload"},
	{.cgroup = "/supervisor"},
	/* libvirt's */
	{.cgroup = "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
	 .unit = "machine-qemu\\x2d1\\x2dvm.scope"},
	{.cgroup = "/machine.slice/machine-lxc\\x2d77\\x2dweb.scope/libvirt/system.slice/a.service",
	 .runtime = "lxc",
	 .unit = "a.service"},
};

static const struct path_case host_paths[] = {
	{.cgroup = "/"},
	{.cgroup = ""},
	{.cgroup = "///"},
	{.cgroup = "/init.scope", .unit = "init.scope"},
	{.cgroup = "/system.slice"},
	{.cgroup = "/system.slice/nginx.service", .unit = "nginx.service"},
	{.cgroup = "/system.slice/nginx.service/workers/1", .unit = "nginx.service"},
	{.cgroup = "/system.slice/system-getty.slice/getty@tty1.service",
	 .unit = "getty@tty1.service"},
	{.cgroup = "/system.slice/system-a\\x2db.slice/a\\x2db@c\\x2dd.service",
	 .unit = "a\\x2db@c\\x2dd.service"},
	{.cgroup = "/a.slice/a-b.slice/a-b-c.slice/job-7.scope", .unit = "job-7.scope"},
	{.cgroup = "/user.slice/user-1000.slice/session-2.scope", .unit = "session-2.scope"},
	{.cgroup = USER "/init.scope", .unit = "init.scope"},
	{.cgroup = USER "/app.slice/syncthing.service", .unit = "syncthing.service"},
	{.cgroup = USER "/app.slice/app-gnome-firefox-77.scope",
	 .unit = "app-gnome-firefox-77.scope"},
	{.cgroup = USER, .unit = "user@1000.service"},
	{.cgroup = "/system.slice/a.service/b.scope", .unit = "b.scope"},
	/* as systemd writes what would look like a file of the kernel's */
	{.cgroup = "/system.slice/_cpu.service", .unit = "cpu.service"},
	{.cgroup = "/system.slice/__x.service", .unit = "_x.service"},
	{.cgroup = "/.service"},
	{.cgroup = "/.scope"},
	{.cgroup = "/_.service"},
	{.cgroup = "/x.services"},
	{.cgroup = "/system.slice/dev-sda1.swap"},
	/* as the kernel never writes them */
	{.cgroup = "nginx.service", .unit = "nginx.service"},
	{.cgroup = ID, .container = ID},
	{.cgroup = "docker/" ID "/", .runtime = "docker", .container = ID},
	{.cgroup = "//system.slice//nginx.service//", .unit = "nginx.service"},
	{.cgroup = "docker-" ID, .runtime = "docker", .container = ID},
	{.cgroup = "/lxc//web"},
	{.cgroup = "/machine-.scope", .unit = "machine-.scope"},
	{.cgroup = "/systemd-nspawn@.service/payload", .unit = "systemd-nspawn@.service"},
	/* not quite ids */
	{.cgroup = "/docker/" ID "0"},
	{.cgroup = "/docker/" ID "x"},
	{.cgroup = "/docker/x" ID},
	{.cgroup = "/docker/" ID "-x.scope", .unit = ID "-x.scope"},
	{.cgroup = "/a-" ID "-" OTHER ".scope", .container = OTHER},
	{.cgroup = "/var-lib-docker-overlay2-" ID "-merged.mount"},
	{.cgroup = "/docker/g1d5c7bb1e0e2cbb5a40ee0f1c1b2a39d7c8e6f5a4b3c2d1e0f9a8b7c6d5e4f1"},
	{.cgroup = "/redocker-" ID, .container = ID},
	{.cgroup = "/a:docker:" ID, .runtime = "docker", .container = ID},
	{.cgroup = "/:" ID, .container = ID},
	{.cgroup = "/-" ID, .container = ID},
};

static bool same(const char *got, const char *want)
{
	return strcmp(got ? got : "", want ? want : "") == 0;
}

static void check_paths(const struct path_case *cases, size_t count)
{
	struct cgroup_facts facts;

	for (size_t i = 0; i < count; i++) {
		const struct path_case *want = &cases[i];

		memset(&facts, 'x', sizeof(facts));
		cgroup_facts(want->cgroup, &facts);
		if (!same(facts.runtime, want->runtime) ||
		    !same(facts.container, want->container) ||
		    !same(facts.pod_uid, want->pod_uid) || !same(facts.pod_qos, want->pod_qos) ||
		    !same(facts.unit, want->unit))
			fail_msg("%s: runtime %s, container %s, pod %s %s, unit %s", want->cgroup,
				 facts.runtime ? facts.runtime : "none", facts.container,
				 facts.pod_uid, facts.pod_qos ? facts.pod_qos : "none", facts.unit);
	}
}

static void what_engines_make_is_known(void **state)
{
	(void)state;
	check_paths(engine_paths, ARRAY_SIZE(engine_paths));
}

static void what_a_kubelet_makes_is_known(void **state)
{
	(void)state;
	check_paths(pod_paths, ARRAY_SIZE(pod_paths));
}

static void machines_are_known_by_name(void **state)
{
	(void)state;
	check_paths(machine_paths, ARRAY_SIZE(machine_paths));
}

static void the_host_has_units_alone(void **state)
{
	(void)state;
	check_paths(host_paths, ARRAY_SIZE(host_paths));
}

static void an_id_is_asked_for_by_itself(void **state)
{
	char buf[CONTAINER_NAME_SIZE] = "untouched";

	(void)state;
	assert_null(container_id("/system.slice/nginx.service", buf));
	assert_null(container_id("/machine.slice/libpod-conmon-" ID ".scope", buf));
	assert_string_equal(buf, "untouched");
	assert_ptr_equal(container_id("/docker/" ID, buf), buf);
	assert_string_equal(buf, ID);
	assert_string_equal(container_id("/lxc.payload.web", buf), "web");
	assert_string_equal(container_id("/myparent/" ID, buf), ID);
	/* a container all the same */
	assert_string_equal(container_id("/payload/system.slice/a.service", buf), "");
}

static const struct {
	const char *cgroup;
	const char *owner;
} owner_table[] = {
	{"/docker/" ID, "container 4f1d5c7bb1e0"},
	{"/docker/" ID "/system.slice/nginx.service", "container 4f1d5c7bb1e0"},
	{"/system.slice/web.service/libpod-payload-" ID, "container 4f1d5c7bb1e0"},
	{"/lxc.payload.a-name-of-some-length", "container a-name-of-some-length"},
	{"/lxc.payload." ID "0", "container " ID "0"},
	{"/payload/system.slice/a.service", "a container of nspawn"},
	{"/machine.slice/systemd-nspawn@web.service/payload", "container web"},
	{"/machine.slice/systemd-nspawn@web.service/supervisor",
	 "systemd unit systemd-nspawn@web.service"},
	{"/kubepods/pod" POD, NULL},
	{"/lxc.monitor.web", NULL},
	{"/machine.slice/libpod-conmon-" ID ".scope", NULL},
	{"/system.slice/nginx.service", "systemd unit nginx.service"},
	{"/system.slice/nginx.service/workers", "systemd unit nginx.service"},
	{USER "/app.slice/syncthing.service", "systemd unit syncthing.service"},
	/* a scope holds what somebody else started */
	{USER "/app.slice/app-gnome-firefox-77.scope", NULL},
	{"/user.slice/user-1000.slice/session-2.scope", NULL},
	{"/init.scope", NULL},
	{"/system.slice", NULL},
	{"/", NULL},
	{"", NULL},
};

static void who_owns_it_is_the_container_or_the_service(void **state)
{
	char buf[OWNER_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(owner_table); i++) {
		const char *got = cgroup_owner(owner_table[i].cgroup, buf);

		if (!same(got, owner_table[i].owner))
			fail_msg("%s: %s", owner_table[i].cgroup, got ? got : "nobody");
		assert_true(!got || got == buf);
	}
}

static void an_id_has_64_digits(void **state)
{
	char path[256], buf[CONTAINER_NAME_SIZE];

	(void)state;
	for (int digits = 1; digits <= 130; digits++) {
		int n = snprintf(path, sizeof(path), "/docker/");

		memset(path + n, 'a', (size_t)digits);
		path[n + digits] = '\0';
		assert_int_equal(container_id(path, buf) != NULL, digits == 64);
		memcpy(path + n + digits, ".scope", sizeof(".scope"));
		assert_int_equal(container_id(path, buf) != NULL, digits == 64);
	}
}

/* head, fill up to `length` bytes, tail. */
static char *make_path(char *path, size_t length, const char *head, const char *fill,
		       const char *tail)
{
	size_t n = strlen(head), tail_length = strlen(tail);

	memcpy(path, head, n);
	for (; n < length - tail_length; n++)
		path[n] = fill[(n - strlen(head)) % strlen(fill)];
	memcpy(path + n, tail, tail_length + 1);
	return path;
}

static void what_is_too_long_is_cut(void **state)
{
	static char path[PATH_MAX * 4];
	struct cgroup_facts facts;
	char owner[OWNER_SIZE];

	(void)state;
	/* as long as the kernel makes it */
	cgroup_facts(make_path(path, 1 + NAME_MAX, "/", "u", ".service"), &facts);
	assert_string_equal(facts.unit, path + 1);
	assert_int_equal(strlen(cgroup_owner(path, owner)), strlen("systemd unit ") + NAME_MAX);
	cgroup_facts(make_path(path, 5 + NAME_MAX, "/lxc/", "n", ""), &facts);
	assert_string_equal(facts.container, path + 5);
	assert_int_equal(strlen(cgroup_owner(path, owner)), strlen("container ") + NAME_MAX);
	/* longer */
	cgroup_facts(make_path(path, sizeof(path) - 1, "/", "u", ".service"), &facts);
	assert_int_equal(strlen(facts.unit), UNIT_NAME_SIZE - 1);
	cgroup_facts(make_path(path, sizeof(path) - 1, "/lxc/", "\\x2d", ""), &facts);
	assert_int_equal(strlen(facts.container), (CONTAINER_NAME_SIZE - 1) / 4 + 3);
	cgroup_facts(make_path(path, sizeof(path) - 1, "", "-pod", ""), &facts);
	assert_false(cgroup_in_container(&facts));
	/* deep */
	cgroup_facts(make_path(path, sizeof(path) - 1, "/docker/" ID, "/a", "/lxc/web"), &facts);
	assert_string_equal(facts.container, "web");
	cgroup_facts(make_path(path, sizeof(path) - 1, "/docker/" ID, "/", ""), &facts);
	assert_string_equal(facts.container, ID);
}

/* Nothing of a path may be read behind its end, wherever it ends. */
static void a_path_may_end_anywhere(void **state)
{
	static const struct {
		const struct path_case *cases;
		size_t count;
	} all[] = {{engine_paths, ARRAY_SIZE(engine_paths)},
		   {pod_paths, ARRAY_SIZE(pod_paths)},
		   {machine_paths, ARRAY_SIZE(machine_paths)},
		   {host_paths, ARRAY_SIZE(host_paths)}};
	struct cgroup_facts facts;

	(void)state;
	for (size_t t = 0; t < ARRAY_SIZE(all); t++)
		for (size_t i = 0; i < all[t].count; i++)
			for (size_t n = strlen(all[t].cases[i].cgroup); n > 0; n--) {
				/* a block of its own: the sanitizer sees a step beyond it */
				_cleanup_free_ char *cut = strndup(all[t].cases[i].cgroup, n - 1);

				assert_non_null(cut);
				cgroup_facts(cut, &facts);
				assert_true(strlen(facts.container) < n && strlen(facts.unit) < n);
			}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_engines_make_is_known),
		cmocka_unit_test(what_a_kubelet_makes_is_known),
		cmocka_unit_test(machines_are_known_by_name),
		cmocka_unit_test(the_host_has_units_alone),
		cmocka_unit_test(an_id_is_asked_for_by_itself),
		cmocka_unit_test(who_owns_it_is_the_container_or_the_service),
		cmocka_unit_test(an_id_has_64_digits),
		cmocka_unit_test(what_is_too_long_is_cut),
		cmocka_unit_test(a_path_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
