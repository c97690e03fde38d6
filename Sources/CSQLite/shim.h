#include <sqlite3.h>

/* Swift cannot call C functions with variable arguments; this is the one of them that hardening a
   connection needs. Switches one of SQLite's boolean SQLITE_DBCONFIG_ options on or off. */
static inline int csqlite_configure(sqlite3 *connection, int option, int on) {
  return sqlite3_db_config(connection, option, on, (int *)0);
}
