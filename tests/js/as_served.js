// Loads modules as the page serves them: those of features are beside those of ui/components.

import { register } from "node:module";

register("./as_served_hooks.js", import.meta.url);
