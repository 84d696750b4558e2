/* confab-gateway: the gateway with the chat, or with --app none a pure transport node. */
#include <stddef.h>

#include <confab/run.h>

int main(int argc, char **argv)
{
    return confab_run(argc, argv, NULL);
}
