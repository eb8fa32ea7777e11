/* SPDX-License-Identifier: Apache-2.0 */
/* VM files, the command line and their limits: what is taken, what is said. */
// LIBS: build/obj/asan/src/host/vmfile*.c.o build/obj/asan/src/host/config*.c.o build/obj/asan/src/host/net_spec.c.o build/obj/asan/src/host/args.c.o build/obj/asan/libtrivet.a -lcyaml -lyaml
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../src/host/args.h"
#include "../../src/host/vmfile.h"
#include <trivet/bits.h>

static int parse(struct vm_config *cfg, const char *text, struct error *err)
{
	assert_int_equal(config_init(cfg), 0);
	err->msg[0] = 0;
	return vmfile_parse(cfg, "dir/vm.yaml", (const u8 *)text, strlen(text), err);
}

static void test_all_keys(void **state)
{
	static const char *const texts[] = {
		"name: web-1\nengine: soft\ncpu: baseline\nmemory: 1G\ncpus: 4\n"
		"kernel: vmlinuz\ninitrd: /abs/initrd\nappend: console=ttyS0 a=b\n"
		"console: none\ntimeout: 2.5\ntestdev: true\n",
		"{\"name\": \"web-1\", \"engine\": \"soft\", \"cpu\": \"baseline\", "
		"\"memory\": \"1024M\", \"cpus\": 4, \"kernel\": \"vmlinuz\", "
		"\"initrd\": \"/abs/initrd\", \"append\": \"console=ttyS0 a=b\", "
		"\"console\": \"none\", \"timeout\": 2.5, \"testdev\": true}",
	};
	struct vm_config cfg;
	struct error err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		if (parse(&cfg, texts[i], &err))
			fail_msg("%s", err.msg);
		assert_string_equal(cfg.name, "web-1");
		assert_string_equal(cfg.engine, "soft");
		assert_true(cfg.memory == GIB(1));
		assert_true(cfg.cpus == 4);
		assert_string_equal(cfg.kernel, "dir/vmlinuz");
		assert_string_equal(cfg.initrd, "/abs/initrd");
		assert_string_equal(cfg.append, "console=ttyS0 a=b");
		assert_string_equal(cfg.console, "none");
		assert_true(cfg.timeout_ms == 2500);
		assert_true(cfg.testdev);
		config_fini(&cfg);
	}
}

static void test_placement(void **state)
{
	struct vm_config cfg;
	struct error err;
	u64 cpus;

	(void)state;
	assert_int_equal(parse(&cfg, "kernel: k\n", &err), 0);
	assert_true(cfg.weight == 100 && cfg.cpuset == 0 && !cfg.bad_access_stops);
	config_fini(&cfg);
	assert_int_equal(parse(&cfg, "weight: 300\ncpuset: 0,2-4,63\non_bad_access: stop\n"
			       "net: [switch, \"switch:lan_1\"]\n", &err), 0);
	assert_true(cfg.weight == 300 && cfg.bad_access_stops);
	assert_true(cfg.cpuset == (BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(63)));
	assert_true(cfg.nets[0].kind == NET_SWITCH && cfg.nets[1].kind == NET_SWITCH);
	assert_string_equal(cfg.nets[0].ifname, "default");
	assert_string_equal(cfg.nets[1].ifname, "lan_1");
	config_fini(&cfg);
	assert_true(cpuset_parse("7", &cpus) && cpus == BIT(7));
	assert_true(cpuset_parse("0-63", &cpus) && cpus == ~(u64)0);
}

static void test_placement_bad(void **state)
{
	static const char *const bad[][2] = {
		{ "weight: 0", "1 to 10000" },	  { "weight: 10001", "1 to 10000" },
		{ "weight: much", "1 to 10000" }, { "weight: -1", "1 to 10000" },
		{ "cpuset: \"\"", "0 to 63" },	  { "cpuset: 64", "0 to 63" },
		{ "cpuset: 3-1", "0 to 63" },	  { "cpuset: 1,", "0 to 63" },
		{ "cpuset: 1-", "0 to 63" },	  { "cpuset: 99999999999999999999", "0 to 63" },
		{ "cpuset: 1 2", "0 to 63" },	  { "on_bad_access: crash", "ignore or stop" },
		{ "net: [\"switch:\"]", "switch:" }, { "net: [\"switch:a b\"]", "1 to 15 letters" },
		{ "net: [\"switch:abcdefghijklmnop\"]", "1 to 15 letters" },
		{ "net: [switches]", "expected user, tap:INTERFACE, switch" },
	};
	struct vm_config cfg;
	struct error err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(&cfg, bad[i][0], &err) != -EINVAL)
			fail_msg("taken: %s", bad[i][0]);
		if (!strstr(err.msg, bad[i][1]))
			fail_msg("%s", err.msg);
		config_fini(&cfg);
	}
}

static void test_disks(void **state)
{
	struct vm_config cfg;
	struct error err;

	(void)state;
	if (parse(&cfg, "kernel: k\ndisks:\n  - a.img\n  - /b,c.img,ro\n  - d,rw\n", &err))
		fail_msg("%s", err.msg);
	assert_int_equal(cfg.disk_count, 3);
	assert_string_equal(cfg.disks[0].path, "dir/a.img");
	assert_string_equal(cfg.disks[1].path, "/b,c.img");
	assert_string_equal(cfg.disks[2].path, "dir/d");
	assert_true(!cfg.disks[0].read_only && cfg.disks[1].read_only &&
		    !cfg.disks[2].read_only);
	config_fini(&cfg);
	assert_int_equal(parse(&cfg, "{\"kernel\": \"k\", \"disks\": [\"a,ro\"]}", &err), 0);
	assert_true(cfg.disk_count == 1 && cfg.disks[0].read_only);
	config_fini(&cfg);
	assert_int_equal(parse(&cfg, "kernel: k\ndisks: []\n", &err), 0);
	assert_int_equal(cfg.disk_count, 0);
	config_fini(&cfg);
}

static void test_defaults(void **state)
{
	struct vm_config cfg;
	struct error err;

	(void)state;
	assert_int_equal(parse(&cfg, "kernel: k\n", &err), 0);
	assert_string_equal(cfg.engine, "auto");
	assert_string_equal(cfg.console, "stdio");
	assert_string_equal(cfg.append, "");
	assert_true(cfg.memory == MIB(512) && cfg.cpus == 1 && !cfg.testdev);
	assert_null(cfg.initrd);
	assert_int_equal(config_check(&cfg, &err), 0);
	config_fini(&cfg);
	assert_int_equal(parse(&cfg, "name: x\n", &err), 0);
	assert_int_equal(config_check(&cfg, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "kernel"));
	config_fini(&cfg);
}

/* Each fault, and what the one line about it must hold. */
static const struct {
	const char *text, *place, *about;
} bad_files[] = {
	{ "", "dir/vm.yaml:1:", "empty" },
	{ "# nothing\n", "dir/vm.yaml:1:", "empty" },
	{ "{}\n", "dir/vm.yaml:1:", "kernel" },
	{ "kernel\n", "dir/vm.yaml:1:", "mapping" },
	{ "- kernel: k\n", "dir/vm.yaml:1:", "mapping" },
	{ "kernel: k\ncolour: red\n", "dir/vm.yaml:2: colour:", "no such key" },
	{ "kernel: k\n\nKernel: x\n", "dir/vm.yaml:3: Kernel:", "no such key" },
	{ "kernel: k\ncpus: 0\n", "dir/vm.yaml:2: cpus:", "1 to 32" },
	{ "kernel: k\ncpus: 33\n", "dir/vm.yaml:2: cpus:", "1 to 32" },
	{ "kernel: k\ncpus: -1\n", "dir/vm.yaml:2: cpus:", "1 to 32" },
	{ "kernel: k\ncpus: two\n", "dir/vm.yaml:2: cpus:", "number" },
	{ "kernel: k\ncpus: 99999999999999999999\n", "dir/vm.yaml:2: cpus:", "number" },
	{ "kernel: k\nmemory: 1K\n", "dir/vm.yaml:2: memory:", "16M" },
	{ "kernel: k\nmemory: 512\n", "dir/vm.yaml:2: memory:", "16M" },
	{ "kernel: k\nmemory: 9000G\n", "dir/vm.yaml:2: memory:", "256G" },
	{ "kernel: k\nmemory: 99999999999999999999G\n", "dir/vm.yaml:2: memory:", "512M" },
	{ "kernel: k\nmemory: lots\n", "dir/vm.yaml:2: memory:", "512M" },
	{ "kernel: k\nmemory: 16777217\n", "dir/vm.yaml:2: memory:", "multiple" },
	{ "kernel: k\nmemory:\n  - 1G\n", "dir/vm.yaml:3: memory:", "one value" },
	{ "kernel: {a: b}\n", "dir/vm.yaml:1: kernel:", "one value" },
	{ "kernel:\n", "dir/vm.yaml:1: kernel:", "file name" },
	{ "kernel: k\nname: a b\n", "dir/vm.yaml:2: name:", "letters" },
	{ "kernel: k\nengine: warp\n", "dir/vm.yaml:2: engine:", "auto, soft or kvm" },
	{ "kernel: k\ncpu: host9\n", "dir/vm.yaml:2: cpu:", "baseline" },
	{ "kernel: k\ntimeout: 0\n", "dir/vm.yaml:2: timeout:", "seconds" },
	{ "kernel: k\ntimeout: -3\n", "dir/vm.yaml:2: timeout:", "seconds" },
	{ "kernel: k\ntimeout: nan\n", "dir/vm.yaml:2: timeout:", "seconds" },
	{ "kernel: k\ntimeout: soon\n", "dir/vm.yaml:2: timeout:", "seconds" },
	{ "kernel: k\ndisks: a.img\n", "dir/vm.yaml:2: disks:", "list of images" },
	{ "kernel: k\ndisks:\n- [a]\n", "dir/vm.yaml:3: disks:", "plain values" },
	{ "kernel: k\ndisks:\n- f: a\n", "dir/vm.yaml:3: disks:", "plain values" },
	{ "kernel: k\ndisks:\n- a,r\n", "dir/vm.yaml:2: disks:", "expected ,ro ,rw" },
	{ "kernel: k\ndisks:\n- ''\n", "dir/vm.yaml:2: disks:", "" },
	{ "kernel: [k]\n", "dir/vm.yaml:1: kernel:", "one value" },
	{ "kernel: k\ntestdev: maybe\n", "dir/vm.yaml:2: testdev:", "true or false" },
	{ "kernel: k\ncpus: 1\nkernel: b\n", "dir/vm.yaml:3: kernel:", "line 1" },
	{ "kernel: &a k\ninitrd: *a\n", "dir/vm.yaml:2:", "alias" },
	{ "kernel: k\n---\nkernel: j\n", "dir/vm.yaml:2:", "one document" },
	{ "kernel: \"k\n", "dir/vm.yaml:", "YAML" },
	{ "kernel: k\n\tcpus: 1\n", "dir/vm.yaml:2:", "YAML" },
	{ "{\"kernel\": \"k\", \"cpus\": 1", "dir/vm.yaml:", "YAML" },
	{ "kernel: \"a\\0b\"\n", "dir/vm.yaml:1:", "NUL" },
	{ "\x7f" "ELF\x02\x01\x01\x01", "dir/vm.yaml", "text" },
	{ "\xff\xfe\x00", "dir/vm.yaml", "" },
};

static void test_bad_files(void **state)
{
	unsigned faults = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_files); i++) {
		struct vm_config cfg;
		struct error err;
		int r = parse(&cfg, bad_files[i].text, &err);

		if (r >= 0 || strncmp(err.msg, bad_files[i].place,
				      strlen(bad_files[i].place)) ||
		    !strstr(err.msg, bad_files[i].about) || strchr(err.msg, '\n')) {
			print_error("'%s' gave %d: %s\n", bad_files[i].text, r, err.msg);
			faults++;
		}
		config_fini(&cfg);
	}
	assert_int_equal(faults, 0);
}

static void test_load_faults(void **state)
{
	char path[] = "/tmp/trivet-vmfile-XXXXXX";
	struct vm_config cfg;
	struct error err;
	FILE *f;

	(void)state;
	assert_int_equal(config_init(&cfg), 0);
	assert_int_equal(vmfile_load(&cfg, "/nowhere/vm.yaml", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nowhere/vm.yaml"));
	assert_true(vmfile_load(&cfg, "/", &err) < 0);
	f = fdopen(mkstemp(path), "w");
	assert_non_null(f);
	fprintf(f, "kernel: k\nappend: %070000d\n", 0);
	fclose(f);
	assert_int_equal(vmfile_load(&cfg, path, &err), -EFBIG);
	assert_non_null(strstr(err.msg, "64 KiB"));
	remove(path);
	config_fini(&cfg);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		u64 bytes;
	} sizes[] = {
		{ "0", true, 0 },	     { "512", true, 512 },
		{ "1K", true, 1024 },	     { "512M", true, MIB(512) },
		{ "2g", true, GIB(2) },	     { "2GiB", true, GIB(2) },
		{ "3GB", true, GIB(3) },     { "1T", true, GIB(1024) },
		{ "", false, 0 },	     { "M", false, 0 },
		{ "-1M", false, 0 },	     { "1.5G", false, 0 },
		{ "1MM", false, 0 },	     { "1 M", false, 0 },
		{ "20000000T", false, 0 },   { "18446744073709551616", false, 0 },
		{ "0x10M", false, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 bytes = 0;
		bool ok = size_parse(sizes[i].text, &bytes);

		if (ok != sizes[i].ok || (ok && bytes != sizes[i].bytes))
			fail_msg("%s", sizes[i].text);
	}
}

static int parse_args(struct args *args, const char *line, struct error *err)
{
	static char text[512];
	static char *argv[32];
	int argc = 0;

	snprintf(text, sizeof text, "trivet %s", line);
	for (char *p = strtok(text, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	err->msg[0] = 0;
	return args_parse(args, argc, argv, err);
}

static void test_args_over_file(void **state)
{
	struct vm_config cfg;
	struct args args;
	struct error err;

	(void)state;
	assert_int_equal(parse(&cfg, "kernel: k\ncpus: 2\nmemory: 64M\n", &err), 0);
	assert_int_equal(parse_args(&args, "run vm.yaml --cpus 3 --memory=128M "
				    "--timeout 1.25 --testdev --stats=json", &err), 0);
	assert_int_equal(args.command, CMD_RUN);
	assert_string_equal(args.vmfile, "vm.yaml");
	assert_int_equal(args.stats, STATS_JSON);
	assert_int_equal(args_apply(&args, &cfg, &err), 0);
	assert_true(cfg.cpus == 3 && cfg.memory == MIB(128));
	assert_true(cfg.timeout_ms == 1250 && cfg.testdev);
	assert_string_equal(cfg.kernel, "dir/k");
	config_fini(&cfg);
}

static void test_bad_args(void **state)
{
	static const struct {
		const char *line, *about;
	} bad[] = {
		{ "", "run, engines, check" },
		{ "fly", "no such command" },
		{ "run --colour red", "--colour" },
		{ "run -k x", "-k" },
		{ "run --kernel", "--kernel" },
		{ "run --cpu baseline", "--cpu" },
		{ "run --stats=xml", "--stats" },
		{ "run a.yaml b.yaml", "one VM file" },
		{ "check", "VM file" },
		{ "check --cpus 1 a", "--cpus" },
		{ "engines soft", "soft" },
		{ "version 1", "1" },
	};
	static const struct {
		const char *line, *about;
	} bad_values[] = {
		{ "run --cpus 0", "--cpus: 0 given; expected 1 to 32" },
		{ "run --cpus 1000", "--cpus" },
		{ "run --cpus many", "--cpus: 'many'" },
		{ "run --memory 1K", "--memory" },
		{ "run --memory much", "--memory: 'much'" },
		{ "run --timeout 0", "--timeout" },
		{ "run --timeout 1e9", "--timeout" },
		{ "run --engine warp", "--engine: 'warp'" },
		{ "run --name a/b", "--name" },
		{ "run --kernel=", "--kernel" },
		{ "run --testdev=perhaps", "--testdev" },
		{ "run --disk a,x", "--disk" },
	};
	struct args args;
	struct error err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_args(&args, bad[i].line, &err) != -EINVAL ||
		    !strstr(err.msg, bad[i].about))
			fail_msg("'%s': %s", bad[i].line, err.msg);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_values); i++) {
		struct vm_config cfg;

		assert_int_equal(config_init(&cfg), 0);
		assert_int_equal(parse_args(&args, bad_values[i].line, &err), 0);
		if (args_apply(&args, &cfg, &err) != -EINVAL ||
		    !strstr(err.msg, bad_values[i].about))
			fail_msg("'%s': %s", bad_values[i].line, err.msg);
		config_fini(&cfg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_placement),
		cmocka_unit_test(test_placement_bad),
		cmocka_unit_test(test_disks), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_load_faults),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_args_over_file),
		cmocka_unit_test(test_bad_args),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
