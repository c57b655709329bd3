// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/table.h"

#include <string.h>

#include "base/cleanup.h"
#include "cli/alloc.h"

#define GAP	      2
#define NARROWEST     10 /* an elastic column is not cut below this */
#define REMARK_INDENT 4

void table_add_row(struct table *table)
{
	table->rows = must_realloc(table->rows, table->n_rows + 1, sizeof(*table->rows));
	table->rows[table->n_rows++] = (struct table_row){0};
}

void table_set(struct table *table, size_t column, enum style style, char *text)
{
	struct table_cell *cell = &table->rows[table->n_rows - 1].cells[column];

	free(cell->text);
	*cell = (struct table_cell){.text = text, .style = style};
}

void table_add_remark(struct table *table, enum style style, char *text)
{
	table_add_row(table);
	table->rows[table->n_rows - 1].remark = text;
	table->rows[table->n_rows - 1].remark_style = style;
}

static const char *cell_text(const struct table_row *row, size_t column)
{
	return row->cells[column].text ? row->cells[column].text : "-";
}

static size_t natural_width(const struct table *table, size_t column)
{
	size_t width = text_columns(table->columns[column].heading);

	for (size_t i = 0; i < table->n_rows; i++) {
		size_t n = text_columns(cell_text(&table->rows[i], column));

		if (!table->rows[i].remark && n > width)
			width = n;
	}
	return width;
}

/* The widest column that may still give way, or n_columns. */
static size_t widest_elastic(const struct table *table, const size_t *widths)
{
	size_t best = table->n_columns;

	for (size_t i = 0; i < table->n_columns; i++)
		if (table->columns[i].elastic && widths[i] > NARROWEST &&
		    (best == table->n_columns || widths[i] > widths[best]))
			best = i;
	return best;
}

static void measure(const struct table *table, const struct term *term, size_t *widths)
{
	size_t total = GAP * (table->n_columns - 1);

	for (size_t i = 0; i < table->n_columns; i++) {
		widths[i] = natural_width(table, i);
		total += widths[i];
	}
	for (; term->width && total > term->width; total--) {
		size_t column = widest_elastic(table, widths);

		if (column == table->n_columns)
			return;
		widths[column]--;
	}
}

static void print_cell(FILE *out, const struct term *term, const struct table_column *column,
		       size_t width, const struct table_cell *cell, bool last)
{
	_cleanup_free_ char *text = text_fitted(cell->text ? cell->text : "-", width);
	int padding = (int)(width - text_columns(text));

	if (column->right)
		fprintf(out, "%*s", padding, "");
	term_print(out, term, cell->style, text);
	if (!last)
		fprintf(out, "%*s", GAP + (column->right ? 0 : padding), "");
}

static void print_headings(const struct table *table, FILE *out, const struct term *term,
			   const size_t *widths)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		_cleanup_free_ char *text = must_printf("%s", table->columns[i].heading);
		struct table_cell cell = {.text = text, .style = STYLE_BOLD};

		print_cell(out, term, &table->columns[i], widths[i], &cell,
			   i + 1 == table->n_columns);
	}
	putc('\n', out);
}

/* The cells up to the last one that is not empty: no line ends in spaces. */
static size_t filled_cells(const struct table *table, const struct table_row *row)
{
	size_t n = table->n_columns;

	while (n > 1 && *cell_text(row, n - 1) == '\0')
		n--;
	return n;
}

static void print_row(const struct table *table, FILE *out, const struct term *term,
		      const size_t *widths, const struct table_row *row)
{
	size_t n = filled_cells(table, row);

	for (size_t c = 0; c < n; c++)
		print_cell(out, term, &table->columns[c], widths[c], &row->cells[c], c + 1 == n);
	putc('\n', out);
}

void table_print(const struct table *table, FILE *out, const struct term *term)
{
	size_t widths[TABLE_MAX_COLUMNS];

	measure(table, term, widths);
	print_headings(table, out, term, widths);
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct table_row *row = &table->rows[i];

		if (row->remark) {
			fprintf(out, "%*s", REMARK_INDENT, "");
			term_wrap(out, term, row->remark_style, REMARK_INDENT, row->remark);
			continue;
		}
		print_row(table, out, term, widths, row);
	}
}

void table_release(struct table *table)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		for (size_t c = 0; c < TABLE_MAX_COLUMNS; c++)
			free(table->rows[i].cells[c].text);
		free(table->rows[i].remark);
	}
	free(table->rows);
	table->rows = NULL;
	table->n_rows = 0;
}
