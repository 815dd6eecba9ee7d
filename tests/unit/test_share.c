/* test_share.c - URLs of shares, passwords, host keys, and servers that answer with rubbish */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/share/share_int.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- URLs ---- */

struct good {
	const char *text;
	struct share_url want;
};

static const struct good goods[] = {
	{"smb://nas/backup", {.kind = SHARE_SMB, .host = "nas", .port = 445, .share = "backup"}},
	{"SMB://nas/backup/", {.kind = SHARE_SMB, .host = "nas", .port = 445, .share = "backup"}},
	{"smb://WORK;anna@nas.example:4450/My%20Files/pc/laptop",
	 {.kind = SHARE_SMB,
	  .domain = "WORK",
	  .user = "anna",
	  .host = "nas.example",
	  .port = 4450,
	  .share = "My Files",
	  .path = "/pc/laptop"}},
	{"smb://anna%40corp.example@10.0.0.1//c$//x//",
	 {.kind = SHARE_SMB,
	  .user = "anna@corp.example",
	  .host = "10.0.0.1",
	  .port = 445,
	  .share = "c$",
	  .path = "/x"}},
	{"nfs://[fd00::1]/volume1/a%25b",
	 {.kind = SHARE_NFS,
	  .host = "fd00::1",
	  .ipv6 = true,
	  .port = 2049,
	  .path = "/volume1/a%b"}},
	{"nfs://[fe80::1%25eth0]:2050/x",
	 {.kind = SHARE_NFS, .host = "fe80::1%eth0", .ipv6 = true, .port = 2050, .path = "/x"}},
	{"nfs://nas/", {.kind = SHARE_NFS, .host = "nas", .port = 2049}},
	{"sftp://root@[::1]:22/~/store/%3F%23",
	 {.kind = SHARE_SFTP,
	  .user = "root",
	  .host = "::1",
	  .ipv6 = true,
	  .port = 22,
	  .path = "/~/store/?#"}},
	{"sftp://back_up.host/...",
	 {.kind = SHARE_SFTP, .host = "back_up.host", .port = 22, .path = "/..."}},
};

static void test_good_urls(void **state)
{
	struct share_url url;
	struct sv_err err = {0};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(goods); i++) {
		assert_true(share_is_url(goods[i].text));
		if (share_url_parse(goods[i].text, &url, &err))
			fail_msg("%s: %s", goods[i].text, err.text);
		assert_memory_equal(&url, &goods[i].want, sizeof(url));
	}
}

static const char *const bads[] = {
	"http://nas/x",
	"smb://",
	"smb://nas",
	"smb://nas/",
	"smb://nas//",
	"smb:///backup",
	"smb://@nas/x",
	"smb://;anna@nas/x",
	"smb://WORK;@nas/x",
	"smb://anna,uid=0@nas/x",
	"smb://anna%2Cuid=0@nas/x",
	"smb://anna:pass@nas/x",
	"smb://anna:@nas/x",
	"smb://a%00b@nas/x",
	"smb://nas:0/x",
	"smb://nas:65536/x",
	"smb://nas:/x",
	"smb://nas:4 45/x",
	"smb://nas:-1/x",
	"smb://nas:000445/x",
	"smb://-nas/x",
	"smb://.nas/x",
	"smb://na s/x",
	"smb://na%73/x",
	"smb://n\xc3\xa4s/x",
	"smb://fd00::1/x",
	"smb://[fd00::1/x",
	"smb://[nas]/x",
	"smb://[]/x",
	"smb://[fd00::1]x/x",
	"smb://[fe80::1%eth0]/x",
	"smb://[fe80::1%25]/x",
	"smb://[fe80::1%25et/h0]/x",
	"smb://[fe80::1%25et,h0]/x",
	"smb://nas/x/../y",
	"smb://nas/..",
	"smb://nas/x/%2e%2E/y",
	"smb://nas/x/./y",
	"smb://nas/x%2Fy",
	"smb://nas/x/a%5Cb",
	"smb://nas/x/a\\b",
	"smb://nas/x/a?b",
	"smb://nas/x#y",
	"smb://nas/x/%",
	"smb://nas/x/%4",
	"smb://nas/x/%4g",
	"smb://nas/x/%00",
	"smb://nas/x/%0A",
	"smb://nas/x/a\nb",
	"smb://nas/x/%7f",
	"nfs://anna@nas/x",
	"nfs://nas",
	"sftp://nas",
	"sftp://-oProxyCommand=x@nas/x",
	"sftp://a b@nas/x",
	"sftp://a%40b@nas/x",
	"sftp://nas/x/../../etc",
};

static void test_bad_urls(void **state)
{
	struct share_url url;
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(bads); i++) {
		struct sv_err err = {0};
		if (share_url_parse(bads[i], &url, &err) != SV_E_USAGE)
			fail_msg("%s was accepted", bads[i]);
		assert_true(strlen(err.text) > 10);
		assert_null(strstr(err.text, "pass@"));
	}
	assert_false(share_is_url("/mnt/smb://x"));
	assert_false(share_is_url("nas:/export"));
	assert_false(share_is_url("://x"));
	assert_false(share_is_url("serial=1"));
}

/* Names as long as they may be, and one longer; then URLs far too long. */
static void test_long_urls(void **state)
{
	char text[8192], name[300];
	struct share_url url;
	struct sv_err err = {0};
	(void)state;
	memset(name, 'a', sizeof(name));
	snprintf(text, sizeof(text), "smb://nas/%.255s/%.255s", name, name);
	assert_int_equal(share_url_parse(text, &url, &err), 0);
	assert_int_equal(strlen(url.share), 255);
	assert_int_equal(strlen(url.path), 256);
	snprintf(text, sizeof(text), "smb://nas/%.256s", name);
	assert_int_equal(share_url_parse(text, &url, &err), SV_E_USAGE);
	snprintf(text, sizeof(text), "nfs://nas/x/%.256s", name);
	assert_int_equal(share_url_parse(text, &url, &err), SV_E_USAGE);
	snprintf(text, sizeof(text), "smb://%.256s@nas/x", name);
	assert_int_equal(share_url_parse(text, &url, &err), SV_E_USAGE);
	snprintf(text, sizeof(text), "smb://%.254s/x", name);
	assert_int_equal(share_url_parse(text, &url, &err), SV_E_USAGE);
	memset(text, '/', sizeof(text));
	memcpy(text, "nfs://nas", 9);
	for (size_t i = 10; i < sizeof(text); i += 2)
		text[i] = 'a';
	text[SHARE_URL_MAX] = '\0';
	assert_int_equal(share_url_parse(text, &url, &err), 0);
	text[SHARE_URL_MAX] = '/';
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(share_url_parse(text, &url, &err), SV_E_USAGE);
}

/* What a URL is made into can be read again, and is the same. */
static void test_urls_made(void **state)
{
	char text[SHARE_URL_MAX + 16];
	struct share_url again;
	struct sv_err err = {0};
	(void)state;
	for (size_t i = 0; i < SV_ARRAY(goods); i++) {
		struct share_url want = goods[i].want;
		memset(want.domain, 0, sizeof(want.domain)); /* a sentence does without */
		share_make_url(&want, *want.path ? want.path : "/", text, sizeof(text));
		if (want.kind != SHARE_SMB && !*want.path)
			strcat(text, "/");
		if (strchr(want.host, '%'))
			continue; /* shown as people write it */
		if (share_url_parse(text, &again, &err))
			fail_msg("%s: %s", text, err.text);
		assert_memory_equal(&again, &want, sizeof(again));
	}
}

/* ---- host keys ---- */

#define SAMPLE_KEY	   "AAAAC3NzaC1lZDI1NTE5AAAAIG3meTPvPa3lvROmNsvQMd9y0Vcxz3aqCvX7K6VkTr16"
#define SAMPLE_FINGERPRINT "SHA256:mUWPes/uL/tgJApMiB9jD5skMVBqk63DpzTefwjRsdw"

static void test_fingerprint(void **state)
{
	char is[SHARE_FINGERPRINT_MAX];
	(void)state;
	/* made and shown by ssh-keygen */
	assert_true(share_fingerprint(SAMPLE_KEY, is));
	assert_string_equal(is, SAMPLE_FINGERPRINT);
	assert_false(share_fingerprint("", is));
	assert_false(share_fingerprint("AAAA!", is));
}

/* ---- passwords ---- */

static int need(const char *content, size_t len, char secret[SHARE_PASSWORD_MAX],
		struct sv_err *err)
{
	char path[] = "/tmp/salvor-test-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, content, len) == (ssize_t)len);
	close(fd);
	struct share_params params = {.password_file = path};
	struct share s = {.params = &params, .lock_fd = -1, .busy_fd = -1};
	memset(err, 0, sizeof(*err));
	int rc = share_need_secret(&s, err);
	memcpy(secret, s.secret, sizeof(s.secret));
	share_forget_secret(&s);
	for (size_t i = 0; i < sizeof(s.secret); i++)
		assert_int_equal(s.secret[i], 0);
	unlink(path);
	return rc;
}

static void test_password_file(void **state)
{
	char secret[SHARE_PASSWORD_MAX], longest[SHARE_PASSWORD_MAX + 1];
	struct sv_err err;
	(void)state;
	assert_int_equal(need("a, b%\n", 6, secret, &err), 0);
	assert_string_equal(secret, "a, b%");
	assert_int_equal(need("x\r\ny\n", 5, secret, &err), 0);
	assert_string_equal(secret, "x");
	assert_int_equal(need("no end", 6, secret, &err), 0);
	assert_string_equal(secret, "no end");
	assert_int_equal(need("", 0, secret, &err), 0);
	assert_string_equal(secret, "");
	memset(longest, 'p', sizeof(longest));
	assert_int_equal(need(longest, SHARE_PASSWORD_MAX - 1, secret, &err), 0);
	assert_int_equal(need(longest, SHARE_PASSWORD_MAX, secret, &err), SV_E_USAGE);
	assert_null(strstr(err.text, "ppp"));
	assert_int_equal(secret[0], 0);
}

/* ---- servers ---- */

/* One connection, one answer, the end. An RPC reply gets the number of the call. */
struct server {
	int fd;
	uint16_t port;
	bool rpc;
	const void *answer;
	size_t len;
	pthread_t thread;
};

static void *serve(void *arg)
{
	struct server *server = arg;
	char question[4096], reply[64];
	int fd = accept(server->fd, NULL, NULL);
	if (fd < 0)
		return NULL;
	if (server->rpc && recv(fd, question, 44, MSG_WAITALL) == 44) {
		memcpy(reply, server->answer, server->len);
		memcpy(reply + 4, question + 4, 4);
		server->answer = reply;
	}
	send(fd, server->answer, server->len, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while (recv(fd, question, sizeof(question), 0) > 0)
		;
	close(fd);
	return NULL;
}

static void server_start(struct server *server, const void *answer, size_t len)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t at_len = sizeof(at);
	server->answer = answer;
	server->len = len;
	server->rpc = len >= 8 && len <= 64 && !memcmp(answer, "\x80\0", 2);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(bind(server->fd, (struct sockaddr *)&at, at_len), 0);
	assert_return_code(listen(server->fd, 1), 0);
	assert_return_code(getsockname(server->fd, (struct sockaddr *)&at, &at_len), 0);
	server->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

/* Ask a server that answers with these bytes; what the protocol step came to is in `report`. */
static int ask(const char *scheme, const void *answer, size_t len, struct share_report *report,
	       struct sv_err *err)
{
	struct server server;
	char url[64], root[] = "/tmp/salvor-test-XXXXXX", run[64];
	struct share *share = NULL;
	assert_non_null(mkdtemp(root));
	snprintf(run, sizeof(run), "%s/run", root);
	/* where records go there is a file: whatever the kernel can do, nothing is mounted here */
	FILE *file = fopen(run, "w");
	assert_non_null(file);
	fclose(file);
	server_start(&server, answer, len);
	snprintf(url, sizeof(url), "%s://127.0.0.1:%u/share", scheme, server.port);
	struct share_params params = {.root = root, .url = url, .purpose = SHARE_STORE};
	memset(err, 0, sizeof(*err));
	int rc = share_open(&params, &share, report, err);
	pthread_join(server.thread, NULL);
	close(server.fd);
	assert_null(share);
	unlink(run);
	rmdir(root);
	assert_int_equal(report->steps[SHARE_STEP_NAME].outcome, SHARE_PASSED);
	assert_int_equal(report->steps[SHARE_STEP_PORT].outcome, SHARE_PASSED);
	return rc;
}

static void refuses(const char *scheme, const void *answer, size_t len, const char *text)
{
	struct share_report report;
	struct sv_err err;
	assert_int_equal(ask(scheme, answer, len, &report, &err), SV_E_STORE);
	assert_int_equal(report.steps[SHARE_STEP_PROTOCOL].outcome, SHARE_FAILED);
	assert_int_equal(report.steps[SHARE_STEP_LOGIN].outcome, SHARE_NOT_TRIED);
	if (!strstr(err.text, text))
		fail_msg("'%s' does not say '%s'", err.text, text);
}

static void passes(const char *scheme, const void *answer, size_t len, const char *version)
{
	struct share_report report;
	struct sv_err err;
	assert_int_equal(ask(scheme, answer, len, &report, &err), SV_E_FAILED);
	assert_int_equal(report.steps[SHARE_STEP_PROTOCOL].outcome, SHARE_PASSED);
	assert_string_equal(report.steps[SHARE_STEP_PROTOCOL].detail, version);
}

/* An SMB2 NEGOTIATE response as [MS-SMB2] 2.2.4 has it, up to the dialect. */
static void smb_answer(uint8_t a[74], uint16_t dialect)
{
	memset(a, 0, 74);
	a[3] = 70;
	memcpy(a + 4, "\xfeSMB", 4);
	put_le16(a + 8, 64);
	put_le16(a + 68, 65);
	put_le16(a + 72, dialect);
}

static void test_smb_servers(void **state)
{
	uint8_t a[74], smb1[40] = {0, 0, 0, 36, 0xff, 'S', 'M', 'B'};
	(void)state;
	smb_answer(a, 0x0311);
	passes("smb", a, sizeof(a), "SMB 3.1.1");
	smb_answer(a, 0x0210);
	passes("smb", a, sizeof(a), "SMB 2.1");
	smb_answer(a, 0x02ff); /* a wildcard only SMB 1 clients are given */
	refuses("smb", a, sizeof(a), "SMB 2 or 3");
	smb_answer(a, 0x0311);
	put_le32(a + 12, 0xC00000BB);
	refuses("smb", a, sizeof(a), "SMB 2 or 3");
	refuses("smb", smb1, sizeof(smb1), "SMB 2 or 3");
	refuses("smb", "", 0, "SMB 2 or 3");
	smb_answer(a, 0x0311);
	refuses("smb", a, 20, "SMB 2 or 3");
	a[0] = 0x83; /* negative session response of RFC 1002 */
	refuses("smb", a, sizeof(a), "no SMB server");
	smb_answer(a, 0x0311);
	a[1] = 0xff; /* a frame of 16 MB: no answer to this question is so long */
	refuses("smb", a, sizeof(a), "no SMB server");
	refuses("smb", "HTTP/1.1 400 Bad Request\r\n\r\n", 28, "no SMB server");
}

static void test_other_servers(void **state)
{
	uint8_t endless[400];
	(void)state;
	passes("sftp", "SSH-2.0-OpenSSH_9.2p1\r\n", 23, "SSH 2");
	passes("sftp", "welcome\r\nSSH-2.0-x\r\n", 20, "SSH 2");
	refuses("sftp", "SSH-1.5-x\r\n", 11, "no SSH server");
	refuses("sftp", "", 0, "no SSH server");
	memset(endless, 'x', sizeof(endless));
	refuses("sftp", endless, sizeof(endless), "no SSH server");
	refuses("nfs", "", 0, "no NFS server");
	refuses("nfs", "\xff\xff\xff\xff rubbish", 12, "no NFS server");
}

/* Replies as RFC 5531 has them: REPLY, accepted, no verifier, and what became of the call. */
static void test_nfs_servers(void **state)
{
	uint8_t r[40] = {0x80, 0, 0, 24, [11] = 1};
	(void)state;
	passes("nfs", r, 28, "NFS 4"); /* success */
	r[27] = 1;
	refuses("nfs", r, 28, "no NFS server"); /* PROG_UNAVAIL */
	r[27] = 2;
	refuses("nfs", r, 28, "no NFS server"); /* PROG_MISMATCH, cut off */
	r[3] = 32;
	r[31] = 2;
	r[35] = 3;
	passes("nfs", r, 36, "NFS 3");
	r[35] = 2;
	refuses("nfs", r, 36, "too old");
	r[15] = 1;
	refuses("nfs", r, 36, "no NFS server"); /* denied */
	r[15] = 0;
	r[23] = 8; /* a verifier that leaves no room for the rest */
	refuses("nfs", r, 28, "no NFS server");
	r[20] = r[21] = r[22] = r[23] = 0xff;
	refuses("nfs", r, 36, "no NFS server");
	r[0] = 0; /* not the last fragment */
	refuses("nfs", r, 36, "no NFS server");
}

/* A port that was just given back: nobody listens. */
static void test_closed_port(void **state)
{
	struct share_report report;
	struct sv_err err = {0};
	struct share *share = NULL;
	(void)state;
	struct share_params params = {.root = "", .url = "smb://localhost:1/x"};
	assert_int_equal(share_open(&params, &share, &report, &err), SV_E_STORE);
	assert_int_equal(report.steps[SHARE_STEP_NAME].outcome, SHARE_PASSED);
	assert_int_equal(report.steps[SHARE_STEP_PORT].outcome, SHARE_FAILED);
	assert_non_null(strstr(err.text, "nothing listens"));
}

static bool always(void *arg)
{
	(void)arg;
	return true;
}

/* A server that never answers is left at once when the user wants it. */
static void test_cancel(void **state)
{
	struct server server = {0};
	struct sv_err err = {0};
	struct share_report report;
	struct share *share = NULL;
	char url[64];
	(void)state;
	server_start(&server, "", 0);
	snprintf(url, sizeof(url), "nfs://127.0.0.1:%u/x", server.port);
	struct share_params params = {.root = "", .url = url, .cancelled = always};
	assert_int_equal(share_open(&params, &share, &report, &err), SV_E_STOPPED);
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.fd);
}

/* ---- what a kill leaves ---- */

static void test_sweep(void **state)
{
	char root[] = "/tmp/salvor-test-XXXXXX", path[128];
	struct share alive = {.lock_fd = -1, .busy_fd = -1}, dead = {.lock_fd = -1, .busy_fd = -1};
	struct sv_err err = {0};
	struct stat st;
	(void)state;
	assert_non_null(mkdtemp(root));
	assert_int_equal(share_record_make(root, &alive, &err), 0);
	assert_int_equal(share_record_make(root, &dead, &err), 0);
	assert_int_equal(stat(dead.mount_point, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	close(dead.lock_fd); /* as the kernel does for a killed process */
	share_sweep(root);
	assert_int_not_equal(stat(dead.dir, &st), 0);
	assert_int_equal(stat(alive.mount_point, &st), 0);
	share_record_remove(&alive, false);
	snprintf(path, sizeof(path), "%s/run/salvor/shares", root);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/run/salvor", root);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/run", root);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(root), 0);
	share_sweep("/nonexistent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_urls),   cmocka_unit_test(test_bad_urls),
		cmocka_unit_test(test_long_urls),   cmocka_unit_test(test_urls_made),
		cmocka_unit_test(test_fingerprint), cmocka_unit_test(test_password_file),
		cmocka_unit_test(test_smb_servers), cmocka_unit_test(test_other_servers),
		cmocka_unit_test(test_nfs_servers), cmocka_unit_test(test_closed_port),
		cmocka_unit_test(test_cancel),	    cmocka_unit_test(test_sweep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
