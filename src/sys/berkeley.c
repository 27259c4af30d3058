/*
 * Berkeley DB for src/sys/berkeley.rs: makes and changes one file. The library's handles are
 * structures of function pointers whose layout differs from version to version, so they stay on
 * this side.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <db.h>

struct pfrs_db {
    DB_ENV *environment;
    DB *db;
};

/* What goes wrong is said by the result; the library would write to standard error as well. */
static void quiet(const DB_ENV *environment, const char *prefix, const char *text)
{
    (void) environment;
    (void) prefix;
    (void) text;
}

int pfrs_db_close(struct pfrs_db *handle)
{
    int failed = 0, result;

    if (handle->db != NULL)
        failed = handle->db->close(handle->db, 0);
    if (handle->environment != NULL) {
        result = handle->environment->close(handle->environment, 0);
        if (failed == 0)
            failed = result;
    }
    free(handle);
    return failed;
}

/*
 * Opens the file at the absolute path. With "create", makes it, which must not be there; with
 * "truncate", empties it. "buckets" is the number of records that a hash file is laid out for.
 */
int pfrs_db_open(const char *path, int is_btree, int create, int truncate, unsigned cache,
                 unsigned buckets, struct pfrs_db **result)
{
    struct pfrs_db *handle = calloc(1, sizeof *handle);
    int failed;

    if (handle == NULL)
        return ENOMEM;
    /*
     * An environment of our own, private to the process, whose home is the root directory: without
     * it, libraries older than the fix for CVE-2017-10140 read a file DB_CONFIG in the current
     * directory, whoever wrote it.
     */
    if ((failed = db_env_create(&handle->environment, 0)) == 0) {
        handle->environment->set_errcall(handle->environment, quiet);
        failed = handle->environment->set_cachesize(handle->environment, 0, cache, 1);
    }
    if (failed == 0)
        failed = handle->environment->open(handle->environment, "/",
                                           DB_CREATE | DB_INIT_MPOOL | DB_PRIVATE, 0);
    if (failed == 0)
        failed = db_create(&handle->db, handle->environment, 0);
    if (failed == 0 && !is_btree && (create || truncate))
        failed = handle->db->set_h_nelem(handle->db, buckets);
    if (failed == 0)
        failed = handle->db->open(handle->db, NULL, path, NULL, is_btree ? DB_BTREE : DB_HASH,
                                  (create ? DB_CREATE | DB_EXCL : 0) | (truncate ? DB_TRUNCATE : 0),
                                  0600);
    if (failed != 0) {
        (void) pfrs_db_close(handle);
        return failed;
    }
    *result = handle;
    return 0;
}

/* Puts a record in, in place of one with that key if there is one. */
int pfrs_db_put(struct pfrs_db *handle, const void *key, unsigned key_length, const void *value,
                unsigned value_length)
{
    DBT k, v;

    memset(&k, 0, sizeof k);
    memset(&v, 0, sizeof v);
    k.data = (void *) key;
    k.size = key_length;
    v.data = (void *) value;
    v.size = value_length;
    return handle->db->put(handle->db, NULL, &k, &v, 0);
}

/* Takes a record out; it is no failure if there is none. */
int pfrs_db_delete(struct pfrs_db *handle, const void *key, unsigned key_length)
{
    DBT k;
    int failed;

    memset(&k, 0, sizeof k);
    k.data = (void *) key;
    k.size = key_length;
    failed = handle->db->del(handle->db, NULL, &k, 0);
    return failed == DB_NOTFOUND ? 0 : failed;
}

/* The library's words for a failure. */
const char *pfrs_db_words(int failed)
{
    return db_strerror(failed);
}
