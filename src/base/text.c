// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_WORD  63
#define ESCAPE_LENGTH 4 /* of \xNN */

struct range {
	uint32_t first, last;
};

/* Code points that a terminal or a reader must not get from somebody else: C0, DEL and C1, and those
 * that break lines or turn the direction of writing, so that text looks like other text. */
static const struct range unprintable[] = {
	{0x00, 0x1f},	  {0x7f, 0x9f},	    {0x061c, 0x061c},
	{0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
};

static bool is_printable(uint32_t code_point)
{
	for (size_t i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++)
		if (code_point >= unprintable[i].first && code_point <= unprintable[i].last)
			return false;
	return true;
}

/* Bytes of the sequence that this byte opens; 0 for one that opens none. */
static size_t sequence_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* The length of the valid UTF-8 sequence at s, of which `left` bytes are there; 0 if there is none. */
static size_t decode(const unsigned char *s, size_t left, uint32_t *ret_code_point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = sequence_length(s[0]);
	uint32_t code_point;

	if (!length || length > left)
		return 0;
	code_point = length == 1 ? s[0] : s[0] & (0xffU >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code_point = code_point << 6 | (s[i] & 0x3f);
	}
	if (code_point < least[length] || code_point > 0x10ffff ||
	    (code_point >= 0xd800 && code_point <= 0xdfff))
		return 0;
	*ret_code_point = code_point;
	return length;
}

static void put_escaped(char *dst, const unsigned char *s, size_t count)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		*dst++ = '\\';
		*dst++ = 'x';
		*dst++ = hex[s[i] >> 4];
		*dst++ = hex[s[i] & 0xf];
	}
}

size_t text_printable(char *dst, size_t size, const char *src, size_t len)
{
	const unsigned char *s = (const unsigned char *)src;
	size_t out = 0;

	for (size_t i = 0, bytes; i < len; i += bytes) {
		uint32_t code_point = 0;
		bool plain;
		size_t need;

		bytes = decode(s + i, len - i, &code_point);
		plain = bytes && is_printable(code_point);
		bytes = bytes ? bytes : 1;
		need = plain ? bytes : bytes * ESCAPE_LENGTH;
		if (out + need >= size)
			break; /* a character is written whole or not at all */
		if (plain)
			memcpy(dst + out, s + i, bytes);
		else
			put_escaped(dst + out, s + i, bytes);
		out += need;
	}
	if (size)
		dst[out] = '\0';
	return out;
}

/* One character of the `left` bytes at s into dst, as it is or as U+FFFD. Returns what it took and what it wrote. */
static size_t put_utf8(char *dst, const unsigned char *s, size_t left, size_t *ret_written)
{
	static const char replacement[] = "\xef\xbf\xbd";
	uint32_t code_point;
	size_t bytes = decode(s, left, &code_point);

	*ret_written = bytes ? bytes : sizeof(replacement) - 1;
	memcpy(dst, bytes ? (const char *)s : replacement, *ret_written);
	return bytes ? bytes : 1;
}

size_t text_utf8(char *dst, const char *src, size_t len)
{
	const unsigned char *s = (const unsigned char *)src;
	size_t out = 0, written;

	for (size_t i = 0; i < len; out += written)
		i += put_utf8(dst + out, s + i, len - i, &written);
	dst[out] = '\0';
	return out;
}

size_t text_json(char *dst, const char *src, size_t len)
{
	const unsigned char *s = (const unsigned char *)src;
	size_t out = 0, written;

	for (size_t i = 0; i < len; out += written) {
		if (s[i] < ' ') {
			written = (size_t)sprintf(dst + out, "\\u%04x", s[i++]);
			continue;
		}
		written = s[i] == '"' || s[i] == '\\';
		if (written) {
			dst[out++] = '\\';
			dst[out] = (char)s[i++];
		} else {
			i += put_utf8(dst + out, s + i, len - i, &written);
		}
	}
	dst[out] = '\0';
	return out;
}

void text_print_json(FILE *out, const char *json)
{
	for (const unsigned char *s = (const unsigned char *)json; s && *s; s++) {
		if (*s == 0x7f) {
			fputs("\\u007f", out);
		} else if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f) {
			fprintf(out, "\\u%04x", s[1]);
			s++;
		} else {
			putc(*s, out);
		}
	}
	putc('\n', out);
}

/* Of eight bytes at once: has one its upper bit set, or would get it by what it lacks to ' ' or is over '~'? */
static bool eight_are_plain(const char *text)
{
	const uint64_t ones = 0x0101010101010101, upper = 0x80 * ones;
	uint64_t eight;

	memcpy(&eight, text, sizeof(eight));
	return !((eight | (eight - ' ' * ones) | (eight + ones)) & upper);
}

bool text_is_plain(const char *text, size_t len)
{
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= len; i += sizeof(uint64_t))
		if (!eight_are_plain(text + i))
			return false;
	for (; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t text_distance(const char *a, const char *b)
{
	size_t la = strnlen(a, LONGEST_WORD), lb = strnlen(b, LONGEST_WORD);
	size_t row[LONGEST_WORD + 1];

	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[lb];
}

const char *text_nearest(const char *word, const char *const *words)
{
	const char *best = NULL;
	size_t length = strnlen(word, LONGEST_WORD);
	/* Of three letters one may be wrong: with two it is another word. */
	size_t best_distance = length > 3 ? length / 3 + 2 : 2;

	for (; *words; words++) {
		size_t d = text_distance(word, *words);

		if (d < best_distance) {
			best_distance = d;
			best = *words;
		}
	}
	return best;
}
