// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a configuration, inputs and steps of time: see tests/unit/policy_world.h for what must hold. */
#include <stdint.h>
#include <stdlib.h>

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#include "tests/unit/policy_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world;

	if (!size)
		return 0;
	world_init(&world, data, size, 1);
	while (world.left) {
		if (world_byte(&world) == 0xff)
			world_reload(&world);
		else
			world_step(&world);
	}
	world_free(&world);
	return 0;
}
