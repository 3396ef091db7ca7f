// A plug-in that was built for another version of duel.
extern "C" const char* duel_plugin_abi() { return "plug-in interface 0, of long ago"; }
extern "C" void duel_register_plugin(void*) {}
