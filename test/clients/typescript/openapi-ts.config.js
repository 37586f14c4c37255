// Modules as Node reads them, without a bundler.
export default { output: { path: 'scripe', importFileExtension: '.js' }, plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'] };
