/* SPDX-License-Identifier: Apache-2.0 */
/* Network cards and port forwards as text. */
#include "net_spec.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LOOPBACK 0x7f000001u

/* Six bytes in hexadecimal, ':' between. */
static const char *mac_parse(const char *text, u8 mac[NET_MAC_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	static const char expected[] = "mac: expected six bytes such as 02:00:00:12:34:56";

	for (unsigned i = 0; i < NET_MAC_SIZE; i++) {
		const char *hi, *lo;

		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
			return expected;
		hi = strchr(digits, tolower((unsigned char)text[0]));
		lo = strchr(digits, tolower((unsigned char)text[1]));
		mac[i] = (u8)((hi - digits) << 4 | (lo - digits));
		if (text[2] != (i + 1 < NET_MAC_SIZE ? ':' : 0))
			return expected;
		text += 3;
	}
	if (mac[0] & 1)
		return "mac: a multicast address; expected an even first byte";
	for (unsigned i = 0; i < NET_MAC_SIZE; i++)
		if (mac[i])
			return NULL;
	return "mac: expected an address that is not zero";
}

static const char *options_parse(const char *text, struct net_card *card)
{
	if (strncmp(text, "mac=", 4) != 0 || card->kind == NET_NONE)
		return "expected nothing or ,mac=ADDRESS after user, tap:IF or switch";
	card->has_mac = true;
	return mac_parse(text + 4, card->mac);
}

/* The n characters after "switch:" become part of messages: plain ones only. */
static const char *switch_parse(const char *name, size_t n, struct net_card *card)
{
	static const char expected[] = "expected the name of a switch, 1 to 15 letters, "
				       "digits, '-' or '_', after switch:";

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
			return expected;
	if (!n || n > NET_IFNAME_MAX)
		return expected;
	card->kind = NET_SWITCH;
	memcpy(card->ifname, name, n);
	return NULL;
}

const char *net_card_parse(const char *text, struct net_card *card)
{
	static const char expected[] = "expected user, tap:INTERFACE, switch, switch:NAME or none";
	const char *comma = strchr(text, ','), *fault = NULL;
	size_t n = comma ? (size_t)(comma - text) : strlen(text);

	*card = (struct net_card){ .kind = NET_NONE };
	if (n == 4 && memcmp(text, "user", 4) == 0) {
		card->kind = NET_USER;
	} else if (n >= 4 && memcmp(text, "tap:", 4) == 0) {
		card->kind = NET_TAP;
		if (n == 4 || n - 4 > NET_IFNAME_MAX)
			return "expected the name of a tap interface, 1 to 15 characters, "
			       "after tap:";
		memcpy(card->ifname, text + 4, n - 4);
	} else if (n >= 6 && memcmp(text, "switch", 6) == 0 && (n == 6 || text[6] == ':')) {
		fault = n == 6 ? switch_parse("default", 7, card) :
				 switch_parse(text + 7, n - 7, card);
	} else if (n != 4 || memcmp(text, "none", 4) != 0) {
		return expected;
	}
	if (fault)
		return fault;
	return comma ? options_parse(comma + 1, card) : NULL;
}

/* A port up to the character end; where that is, or NULL. */
static const char *port_parse(const char *text, u16 *port)
{
	unsigned value = 0;

	if (!isdigit((unsigned char)*text))
		return NULL;
	for (; isdigit((unsigned char)*text); text++) {
		value = value * 10 + (unsigned)(*text - '0');
		if (value > 65535)
			return NULL;
	}
	*port = (u16)value;
	return value ? text : NULL;
}

static bool address_parse(const char *text, size_t n, u32 *address)
{
	char copy[INET_ADDRSTRLEN];
	struct in_addr in;

	if (n >= sizeof copy)
		return false;
	memcpy(copy, text, n);
	copy[n] = 0;
	if (inet_pton(AF_INET, copy, &in) != 1)
		return false;
	*address = ntohl(in.s_addr);
	return true;
}

const char *net_forward_parse(const char *text, struct net_forward *f)
{
	static const char expected[] = "expected [ADDRESS:]HOST:GUEST[/udp], IPv4 and "
				       "ports from 1 to 65535";
	const char *colon = strchr(text, ':');
	const char *second = colon ? strchr(colon + 1, ':') : NULL;

	*f = (struct net_forward){ .address = LOOPBACK };
	if (second) {
		if (!address_parse(text, (size_t)(colon - text), &f->address))
			return expected;
		text = colon + 1;
	}
	text = port_parse(text, &f->host);
	if (!text || *text != ':')
		return expected;
	text = port_parse(text + 1, &f->guest);
	if (!text)
		return expected;
	f->udp = strcmp(text, "/udp") == 0;
	return !*text || f->udp || strcmp(text, "/tcp") == 0 ? NULL : expected;
}

bool net_forward_clash(const struct net_forward *a, const struct net_forward *b)
{
	return a->udp == b->udp && a->host == b->host &&
	       (a->address == b->address || !a->address || !b->address);
}

void net_forward_print(const struct net_forward *f, char text[NET_TEXT_MAX])
{
	u32 a = f->address;

	snprintf(text, NET_TEXT_MAX, "%u.%u.%u.%u:%u/%s", a >> 24, a >> 16 & 0xff,
		 a >> 8 & 0xff, a & 0xff, f->host, f->udp ? "udp" : "tcp");
}

void net_mac_derive(const char *name, unsigned index, u8 mac[NET_MAC_SIZE])
{
	u64 hash = 0xcbf29ce484222325; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (u8)*name) * 0x100000001b3;
	hash = (hash ^ 0xff ^ index) * 0x100000001b3;
	hash ^= hash >> 32;
	mac[0] = 2; /* locally administered, unicast */
	for (unsigned i = 1; i < NET_MAC_SIZE; i++)
		mac[i] = (u8)(hash >> (8 * i));
}

void net_mac_print(const u8 mac[NET_MAC_SIZE], char text[NET_TEXT_MAX])
{
	snprintf(text, NET_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
}
