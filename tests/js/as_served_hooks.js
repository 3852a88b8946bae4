// Called for each import: what the components of a feature lack is among those of the page.

const FEATURE = /\/imgsearch\/features\/[^/]+\/components\//;

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND" || !FEATURE.test(context.parentURL ?? "")) throw error;
    return next(new URL(specifier, context.parentURL.replace(FEATURE, "/ui/components/")).href, context);
  }
}
