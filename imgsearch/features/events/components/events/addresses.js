// The address of an event, which its start names.

/** @param {string} start */
export const addressOfEvent = (start) => `/events?${new URLSearchParams({ event: start })}`;
