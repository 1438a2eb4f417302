// SPDX-License-Identifier: MIT
import { createApp } from 'vue';
import { locale } from '../i18n/index.js';
import '../style.css';
import './api.css';
import ApiPage from './ApiPage.vue';

document.documentElement.lang = locale;
createApp(ApiPage).mount('#app');
