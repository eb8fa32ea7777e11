/* SPDX-License-Identifier: Apache-2.0 */
/* Network cards and port forwards as text: from it to checked values, and back. */
#ifndef HOST_NET_SPEC_H
#define HOST_NET_SPEC_H

#include <trivet/netdev.h>

enum net_kind { NET_USER, NET_TAP, NET_SWITCH, NET_NONE };

#define NET_IFNAME_MAX 15 /* of a tap interface, or a switch */

struct net_card {
	enum net_kind kind;
	char ifname[NET_IFNAME_MAX + 1]; /* NET_TAP, NET_SWITCH */
	bool has_mac;
	u8 mac[NET_MAC_SIZE];
};

/* A host's port that leads to the guest's. */
struct net_forward {
	bool udp;
	u32 address; /* the host's, IPv4, most significant byte first: 0x7f000001 */
	u16 host, guest;
};

#define NET_TEXT_MAX 48

/* "user", "tap:IF", "switch[:NAME]" or "none", and ",mac=..". NULL, or what was
 * expected. */
const char *net_card_parse(const char *text, struct net_card *card);
/* "[ADDR:]HOST:GUEST[/udp|/tcp]"; without ADDR 127.0.0.1. NULL, or what was
 * expected. */
const char *net_forward_parse(const char *text, struct net_forward *f);
/* Can only one of the two be had? */
bool net_forward_clash(const struct net_forward *a, const struct net_forward *b);
/* "127.0.0.1:2222/tcp": the host's side, as in messages. */
void net_forward_print(const struct net_forward *f, char text[NET_TEXT_MAX]);
/* A stable address for card number index of the machine called name: 02:... */
void net_mac_derive(const char *name, unsigned index, u8 mac[NET_MAC_SIZE]);
void net_mac_print(const u8 mac[NET_MAC_SIZE], char text[NET_TEXT_MAX]);

#endif
