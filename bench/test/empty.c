/*
 * Nothing: a header is compiled with it, to show that it compiles alone.
 */
