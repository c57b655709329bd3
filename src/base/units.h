/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Values with units, as the configuration and the command line write them. Pure. Out-parameters are
 * untouched on failure. */
#ifndef OBIT_BASE_UNITS_H
#define OBIT_BASE_UNITS_H

#include <stdint.h>

/* "200ms", "10s", "1.5min", "2h", "1d", "2min 30s", and a bare "0". Units: us ms s min h d.
 * A number without a unit is -EINVAL (it would be a guess), too large is -ERANGE. Result in ns. */
int units_parse_duration(const char *text, uint64_t *ret_ns);

/* "256KiB", "4MiB", "1GiB", "512" (bytes). Units: B KiB MiB GiB (1024), K M G as the same. */
int units_parse_size(const char *text, uint64_t *ret_bytes);

/* "20%" or "0.2" into 0.2; outside 0 to 1 is -ERANGE. */
int units_parse_fraction(const char *text, double *ret);

/* A plain decimal number, "2" or "1.5": no sign, exponent, hex or locale. */
int units_parse_number(const char *text, double *ret);

#endif
