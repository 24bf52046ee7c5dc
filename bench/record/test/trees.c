/*
 * Builds and frees binary trees, ROUNDS times 65,535 nodes: a program that does
 * nothing but malloc() and free(). usage: trees ROUNDS
 */
#include <stdlib.h>

enum {
    DEPTH = 15,
};

struct node {
    struct node *left;
    struct node *right;
};

static struct node *
tree_make(int depth)
{
    struct node *node = malloc(sizeof(*node));

    if (node == NULL) {
        abort();
    }
    node->left = depth != 0 ? tree_make(depth - 1) : NULL;
    node->right = depth != 0 ? tree_make(depth - 1) : NULL;
    return node;
}

static void
tree_free(struct node *node)
{
    if (node != NULL) {
        tree_free(node->left);
        tree_free(node->right);
        free(node);
    }
}

int
main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1;

    for (int i = 0; i < rounds; i++) {
        tree_free(tree_make(DEPTH));
    }
    return 0;
}
