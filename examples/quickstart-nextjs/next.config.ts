import type { NextConfig } from 'next'

const config: NextConfig = {
  poweredByHeader: false,
  serverExternalPackages: ['@scalekit-sdk/node'], // it speaks HTTP/2, and runs unbundled
  turbopack: { root: import.meta.dirname }
}

export default config
