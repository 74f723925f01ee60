/* Addresses and networks, IPv4 and IPv6. */
#pragma once
#include "base/error.h"
#include <sys/socket.h>

/* Is the address in one of the comma-separated networks ("10.0.0.0/8, ::1, 192.168.1.7")? IPv4 in IPv6 counts as IPv4. Checked texts only. */
bool network_has(struct str networks, const struct sockaddr *address);
/* Is every entry a network? */
bool network_check(struct str networks, struct error *e);
bool address_is_loopback(const struct sockaddr *address);
