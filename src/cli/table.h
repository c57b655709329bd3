/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A table of text whose columns line up, with remarks under its rows. */
#ifndef OBIT_CLI_TABLE_H
#define OBIT_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/term.h"

#define TABLE_MAX_COLUMNS 8

struct table_column {
	const char *heading;
	bool right;   /* numbers stand at the right */
	bool elastic; /* may be cut, ending in an ellipsis, where the terminal is too narrow */
};

struct table_cell {
	char *text;
	enum style style;
};

struct table_row {
	struct table_cell cells[TABLE_MAX_COLUMNS];
	char *remark; /* instead of cells: a line of its own, wrapped */
	enum style remark_style;
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct table_row *rows;
	size_t n_rows;
};

/* Adds an empty row. Never fails. */
void table_add_row(struct table *table);

/* Fills a cell of the last row; takes ownership of `text` and shows NULL as "-". */
void table_set(struct table *table, size_t column, enum style style, char *text);

/* Adds a remark under the last row; takes ownership of `text`. */
void table_add_remark(struct table *table, enum style style, char *text);

/* Writes headings, rows and remarks. */
void table_print(const struct table *table, FILE *out, const struct term *term);

/* Releases the rows. */
void table_release(struct table *table);
#define _cleanup_table_ _cleanup_(table_release)

#endif
