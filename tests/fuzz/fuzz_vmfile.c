/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a VM file: an error or a configuration, nothing else. */
// LIBS: build/obj/fuzz/src/host/vmfile*.c.o build/obj/fuzz/src/host/config*.c.o build/obj/fuzz/src/host/net_spec.c.o build/obj/fuzz/src/host/args.c.o build/obj/fuzz/libtrivet.a -lcyaml -lyaml
#include "../../src/host/vmfile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct vm_config cfg;
	struct error err = { "" };

	if (size > VMFILE_MAX_SIZE)
		return 0;
	if (config_init(&cfg) == 0 &&
	    vmfile_parse(&cfg, "dir/vm.yaml", data, size, &err) != 0 &&
	    (!err.msg[0] || strchr(err.msg, '\n')))
		abort(); /* every refusal says why, in one line */
	config_fini(&cfg);
	return 0;
}
