// The end of a sign-in. Runs before anything is drawn, so that the tokens leave the address bar,
// the history and what later requests could tell about this page at once.
'use strict';

(() => {
  const query = new URLSearchParams(location.search);
  history.replaceState(null, '', location.pathname);

  const REASONS = {
    access_denied: 'You did not agree to sign in. Nothing has been changed.',
    oauth_not_configured: 'Whoever runs this server has not set up a sign-in provider yet.',
    provider_unavailable: 'The sign-in provider can’t be reached at the moment.',
    temporarily_unavailable: 'The server is busy or just starting. Try again in a moment.',
    invalid_state: 'This sign-in took too long, or was begun in another window.',
    email_missing: 'The sign-in provider did not tell your e-mail address, which we need.',
    email_unverified: 'Your e-mail address is not verified at the sign-in provider.',
  };

  const accessToken = query.get('accessToken');
  const refreshToken = query.get('refreshToken');
  if (accessToken && refreshToken && !query.has('error')) {
    try {
      for (const name of ['accessToken', 'refreshToken', 'userId']) {
        if (query.get(name)) localStorage.setItem(name, query.get(name));
        else localStorage.removeItem(name);
      }
      location.replace('/');
      return;
    } catch {
      query.set('error', 'storage');
      REASONS.storage = 'This browser does not let the page store anything. Allow it and try again.';
    }
  }

  const code = query.get('error') ?? '';
  const show = (id, text) => { document.getElementById(id).textContent = text; };
  document.addEventListener('DOMContentLoaded', () => {
    document.title = 'Not signed in · weAlist';
    show('title', 'That did not work');
    show('reason', Object.hasOwn(REASONS, code) ? REASONS[code]
      : code ? 'The sign-in could not be completed.' : 'This address belongs to a sign-in, but there is none.');
    const detail = (query.get('error_description') ?? '').slice(0, 300);
    if (detail) show('detail', `The server says: “${detail}”`);
    document.getElementById('retry').hidden = false;
  });
})();
